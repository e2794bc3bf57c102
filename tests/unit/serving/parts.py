"""Small real parts for the unit tests of serving: frames, versions held ready, instruments that can be read."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from contracts import frames as framing
from contracts.channels import Channels
from contracts.events import Sample
from contracts.frame_store import StoredFrame, frame_path
from contracts.ids import new_id
from contracts.predictions import Scored
from contracts.repository import ModelRepository
from serving.models.registry import Lineup
from serving.models.runtime import How, Runtime
from serving.models.served import Served, open_served
from serving.queueing.frame import Frame, Outcome
from serving.settings import Camera
from serving.telemetry.instruments import Instruments
from tests.small_model import publish_small_version

NOW = 1_767_225_600.0


def instruments() -> Instruments:
    """Instruments on a registry of their own."""
    return Instruments(CollectorRegistry())


def value(of: Instruments, name: str, **labels: str) -> float:
    """A metric's value; 0 when it was never touched."""
    return of.registry.get_sample_value(f"keepsight_serving_{name}", labels) or 0.0


def stages(of: Instruments) -> dict[str, float]:
    """How often each stage that a request's route knows was observed."""
    return {stage: value(of, "stage_duration_seconds_count", stage=stage) for stage in ("read", "reply")}


def card(said: Scored, number: int = 0, sample: Sample = "uniform") -> StoredFrame:
    """The card of a sampled frame, `number` seconds after NOW."""
    frame_id = new_id(NOW + number)
    return StoredFrame(
        frame_id=frame_id,
        model="small",
        camera="c",
        site="s",
        captured_at=1.0,
        codec="jpeg",
        sample=sample,
        predictions=(said,),
        path=frame_path("small", frame_id, "jpeg"),
    )


def frame(content: bytes, camera: str = "line-1", kind: Camera | None = None, number: int = 0) -> Frame:
    """An admitted frame. Call it inside a running loop, or with `loop` closed futures are never awaited."""
    loop = asyncio.new_event_loop()
    outcome: asyncio.Future[Outcome] = loop.create_future()
    loop.close()
    return Frame(
        frame_id=new_id(NOW + number),
        camera_name=camera,
        camera=kind or Camera(site="hall"),
        captured_at=NOW + number,
        received_at=NOW + number + 0.25,
        header=framing.inspect(content),
        content=content,
        outcome=outcome,
    )


def served(
    folder: Path, version: str = "1", workers: int = 1, labels: Sequence[str] = ("china", "flower"), **how: object
) -> Served:
    """A small version held ready."""
    publish_small_version(str(folder), version=version, labels=labels, **how)  # type: ignore[arg-type]  # passed through
    return open_served(ModelRepository(str(folder)).read("small", version), Runtime(How("cpu", 4)))


def lineup(*versions: Served, **channels: object) -> Lineup:
    """A lineup whose champion is the first of `versions`."""
    names = {one.version: one for one in versions}
    return Lineup(Channels(champion=versions[0].version, **channels), names)  # type: ignore[arg-type]  # passed through
