"""New versions while a load runs: what a swap, a rollback and a broken version do to the cameras."""

import json
import shutil
import time
from pathlib import Path
from typing import Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure
from benchmarks.serving.sending import Sending, latency_ms, running
from benchmarks.serving.servers import Ours
from contracts.repository import ModelRepository, changed
from tests.serving_process import eventually

PART: Final = "swap"
CAVEATS: Final = (
    "swap: the new version is the old one's files under another number (13 MB), in a folder; its loading, checks, golden frames and warm-up run beside the "
    "load at 8 connections. `During` is from the change of the channels until the first answer of the new version, and half a second more.",
    "swap: the rollback is timed from the change of the channels to the first answer of the old version, heard by one more camera beside the load; the "
    "channels are polled every 0.5 s, as by default.",
)
_CONNECTIONS: Final = 8
_AFTER_S: Final = 0.5
_WARM_S: Final = 1.0
_A_SWAP_S: Final = 5.0
"""Of the load, for a swap, its rollback and a broken version."""


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, one swap and a shorter steady time."""
    steady_s, swaps = (3.0, 1) if quick else (5.0, 3)
    ground = Ground(material.lite0())
    ours = Ours(ground.repository)
    house = _House(ours, ground.frames[0])
    during, rollbacks, refused = [], [], []
    with running(ours):
        with Sending(ours.order(ground.frames, _CONNECTIONS, steady_s + swaps * _A_SWAP_S), ours.tree) as sending:
            time.sleep(steady_s)
            for number in range(swaps):
                house.publish(new := str(2 + 2 * number))
                during.append(house.turn(new, previous="1"))
                rollbacks.append(house.turn("1", previous=new))
                house.publish(broken := str(3 + 2 * number), broken=True)
                refused.append(house.refused(broken))
        outcome = sending.outcome
    begun = outcome.seen.began
    calm = latency_ms([answer for answer in outcome.good if _WARM_S <= answer.at_s < steady_s], 99)
    windows = [
        [a for a in outcome.good if begun + a.at_s + a.took_s >= start and begun + a.at_s <= end + _AFTER_S]
        for start, end in during
    ]
    return [
        figure(PART, "requests that failed", "", [float(outcome.failed)], Goal(at_most=0)),
        figure(PART, "p99 during / p99 steady", "", [latency_ms(some, 99) / calm for some in windows], Goal(at_most=2)),
        figure(PART, "p99 steady", "ms", [calm]),
        figure(PART, "longest wait during", "ms", [latency_ms(some, 100) for some in windows]),
        figure(PART, "from the change to the new version", "s", [end - start for start, end in during]),
        figure(PART, "rollback", "s", [end - start for start, end in rollbacks], Goal(at_most=1)),
        figure(PART, "broken versions refused, the old one stayed", "share", refused, Goal(at_least=1)),
    ]


class _House:
    """The repository that a server follows, and a camera that asks it which version answers."""

    def __init__(self, ours: Ours, frame: bytes) -> None:
        self._process, self._frame = ours.process, frame
        self._repository = ModelRepository(ours.process.repository)
        self._folder = Path(ours.process.repository) / "models" / ours.process.model

    def publish(self, version: str, broken: bool = False) -> None:
        """Version 1's files under another name; `broken`: one byte of the model is another."""
        shutil.copytree(self._folder / "1", made := self._folder / version)
        manifest = json.loads((made / "manifest.json").read_bytes())
        (made / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
        if broken:
            content = bytearray((made / "model.onnx").read_bytes())
            content[len(content) // 2] ^= 1
            (made / "model.onnx").write_bytes(content)

    def turn(self, version: str, previous: str) -> tuple[float, float]:
        """Make a version the champion: when the channels changed, and when it answered first (monotonic seconds)."""
        begun = time.monotonic()
        self._champion(version, previous)
        eventually(f"version {version} answers", self._answering, version.__eq__)
        return begun, time.monotonic()

    def refused(self, version: str) -> float:
        """Make a broken version the champion: 1 if it is refused and version 1 goes on answering."""
        before = len(self._process.said("version_refused"))
        self._champion(version, "1")
        eventually(f"version {version} is refused", lambda: len(self._process.said("version_refused")) > before)
        stayed = self._answering() == "1"
        self._champion("1", "1")
        return float(stayed)

    def _champion(self, version: str, previous: str) -> None:
        channels = self._repository.channels(self._process.model)
        new = changed(channels, time.time(), "bench-serving", "a swap under load", champion=version, previous=previous)
        self._repository.set_channels(self._process.model, new)

    def _answering(self) -> str:
        return str(self._process.answered(self._frame, "cam-31")["version"])
