"""A console with something to show: versions in a repository, stored photographs, a log, and a story of jobs, rollouts and wanted frames."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from prometheus_client import CollectorRegistry

from contracts import events
from contracts.events import (
    AnyEvent,
    GateResult,
    JobAdvanced,
    LabelsWanted,
    ModelPublished,
    RetrainRequested,
    RolloutAdvanced,
    ServingReported,
    TrialRow,
    VersionServed,
    WantedFrame,
    encode,
)
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.health import HealthServer, Request
from contracts.listener import listen
from contracts.log import open_bus
from contracts.predictions import Box, Classification, Detections, Prediction, Scored
from contracts.repository import ModelRepository
from monitor.camera_detail import CameraDetail
from monitor.console.app import Console
from monitor.console.catalogue import Catalogue
from monitor.console.places import Places
from monitor.console.sight import Sight
from monitor.console.view import View
from monitor.identity import derived_id
from monitor.overview import Overview
from monitor.report.shapes import Shape
from tests.small_model import LABELS, photographs, publish_small_version, set_channels

MODEL = "small"
NOW = 1_750_000_000.0
EVIL = '"><img src=/console/evil onerror=alert(1)><script>alert(2)</script>'
"""What a camera may call itself, and what nobody may ever run."""


@cache
def _versions() -> dict[Path, bytes]:
    """The files of a repository with two versions, the first in service: made once."""
    with tempfile.TemporaryDirectory() as folder:
        publish_small_version(folder, MODEL, "1", champion=True)
        publish_small_version(folder, MODEL, "2", seed=1, champion=False)
        return {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


class ConsoleHouse:
    """A console on a free port of this machine; `now` is its clock, `wait_s` how long it waits for the frame store and for files."""

    def __init__(self, folder: Path, key_id: str = "", new_classes: tuple[str, ...] = ("scratch",), wait_s: float = 10.0) -> None:
        self.folder, self.now = folder, NOW
        self.url = str(folder / "repository")
        for path, content in _versions().items():
            (folder / "repository" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "repository" / path).write_bytes(content)
        self.store = FrameStore(str(folder / "frames"))
        self.bus = open_bus(f"embedded://{folder}/log")
        self.bus.ensure_topics(events.TOPICS)
        self.view = View(MODEL)
        self.view.trouble = None
        self.refused: list[str] = []
        self.overview: Overview | None = None
        self.details: dict[str, CameraDetail] = {}
        self.shapes: dict[str, tuple[Shape, ...]] = {}
        self._number = 0
        repository = ModelRepository(self.url)
        places = Places(self.url, str(folder / "frames"), folder / "state" / "retrain" / "jobs", wait_s)
        catalogue = Catalogue(repository, MODEL, new_classes, lambda: float(self._tick()))
        self.console = Console(
            MODEL, self.bus, self.view, catalogue, places, lambda: self.now, lambda _: key_id, self.refused.append,
            Sight(lambda: self.overview, lambda name: self.details.get(name), lambda number: self.shapes.get(number, ())),
        )  # fmt: skip
        self._server: HealthServer | None = None
        self._ticks = 0

    def serve(self) -> str:
        """Answer over HTTP; the address."""
        self._server = HealthServer(
            listen("127.0.0.1", 0, "monitor"), CollectorRegistry(), lambda: None, apps={"/console": self.console.answer}
        )
        return f"http://127.0.0.1:{self._server.port}"

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.bus.close()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body of a page."""
        answer = self.console.answer(Request("GET", path, headers, "127.0.0.1"))
        return answer.status, answer.body.decode("utf-8", "replace")

    def said(self, *topics: str) -> list[AnyEvent]:
        """What stands on the log, of the console alone."""
        reader = self.bus.reader(None, topics or (events.COMMANDS, events.LABELS))
        found: list[AnyEvent] = []
        while (records := reader.poll(0.0)) or sum(reader.lag().values()):
            found += [events.decode(record) for record in records]
        reader.close()
        return found

    def take(self, *told: AnyEvent) -> None:
        """The view hears of events."""
        for event in told:
            self.view.take(event)

    def publish(self, *told: AnyEvent) -> None:
        """Events come onto the log."""
        self.bus.publish([encode(event, "test") for event in told])

    def job(self, job: int, state: str, ago_s: float = 0.0, **changes: object) -> JobAdvanced:
        """A job's word."""
        at = self.now - ago_s
        about = {"event_id": self._id(at), "occurred_at": at, "model": MODEL, "trigger": "monitor", "request_key": f"key-{job}"}
        values = {**about, "job_id": derived_id(NOW - 3600.0 * job, "job", str(job)), "state": state, **changes}
        return JobAdvanced(**values)  # type: ignore[arg-type]  # the values above, by name

    def rollout(
        self, version: str, state: str, share: float = 0.0, ago_s: float = 0.0, reason: str = "as planned", parent: str = "1"
    ) -> RolloutAdvanced:
        """A rollout's word."""
        at = self.now - ago_s
        return RolloutAdvanced(
            event_id=self._id(at),
            occurred_at=at,
            model=MODEL,
            version=version,
            parent=parent,
            state=state,
            share=share,
            reason=reason,
        )  # type: ignore[arg-type]  # a RolloutState

    def published(self, version: str, gates: Sequence[GateResult] = (), page: str = "") -> ModelPublished:
        return ModelPublished(
            event_id=self._id(self.now),
            occurred_at=self.now,
            model=MODEL,
            version=version,
            parent="1",
            digest="f" * 64,
            gates=tuple(gates),
            page=page,
        )

    def frame(self, content: bytes, camera: str = "belt-3", prediction: Prediction | None = None) -> StoredFrame:
        """Put a photograph into the store."""
        self._number += 1
        frame_id = derived_id(self.now - 600 + self._number, "frame", str(self._number))
        said = prediction or Classification(LABELS, (0.62, 0.38))
        card = StoredFrame(
            frame_id=frame_id,
            model=MODEL,
            camera=camera,
            site="hall 2",
            captured_at=self.now - 600,
            codec="jpeg",
            sample="uniform",
            predictions=(Scored("1", "champion", said),),
            path=frame_path(MODEL, frame_id, "jpeg"),
        )
        self.store.put(card, content)
        return card

    def want(self, cards: Sequence[StoredFrame], why: Sequence[str] = ("uncertain", "drifted", "uniform")) -> LabelsWanted:
        """The list of frames to label."""
        frames = tuple(
            WantedFrame(card.frame_id, card.camera, card.path, why[i % len(why)], "flower") for i, card in enumerate(cards)
        )  # type: ignore[arg-type]  # one of the five
        return LabelsWanted(event_id=self._id(self.now), occurred_at=self.now, model=MODEL, frames=frames)

    def _id(self, at: float) -> str:
        self._number += 1
        return derived_id(at, "event", str(self._number))

    def _tick(self) -> int:
        self._ticks += 10
        return self._ticks


def large_photographs(count: int) -> list[bytes]:
    """Crops of 640 x 480 pixels at most."""
    return photographs(count, seed=5, side=400)[0]


GATES = (
    GateResult(
        "data", "pass", 412, 300, "412 labelled frames of the rarest class in train, 300 are asked for; no recording on both sides"
    ),
    GateResult("parity", "pass", 2.1e-6, 1e-3, "largest difference between training and export 2.1e-06 over 96 frames"),
    GateResult(
        "gain", "pass", 0.0004, 0.05, "41 of 180 new frames are right now and were not, 12 the other way (McNemar mid-p 0.0004)"
    ),
    GateResult(
        "forgetting", "inconclusive", -0.021, -0.01, "lower 95 % bound -2.1 points on 240 old frames; 900 frames would settle it"
    ),
    GateResult("slices", "fail", -0.12, -0.1, "camera gate-2 loses 12 points (p 0.003 after Holm)"),
)
TRIALS = (
    TrialRow("efficientnet-lite0", "head_only", 0.871, 0.921, 0.895, 4.1, 4.1, 310, 3.1, False, "the cheapest"),
    TrialRow(
        "efficientnet-lite0", "lp_ft", 0.914, 0.917, 0.915, 312, 312, 1240, 3.1, True, "best harmonic mean by more than a point"
    ),
)


def tell(house: ConsoleHouse) -> None:
    """A story for eyes: a job at work, one that waits, many of the past, a version in canary, servers, and frames to label."""
    reasons = ("harm of 6 points (95 % 3 to 9) over 212 labels", "the calendar", "ada: new lamps in hall 2")
    for number in range(160, 2, -1):
        state = ("succeeded", "rejected", "failed", "succeeded")[number % 4]
        detail = {
            "succeeded": "every gate passed",
            "rejected": "forgetting: old frames lose 4.1 points",
            "failed": "attempt 3 of 3: out of memory",
        }
        house.take(
            house.job(number, "running", 3600.0 * number, step="train", progress=0.4),
            house.job(
                number,
                state,
                3600.0 * number - 900,
                detail=detail[state],
                technique="head_only",
                version="2" if state == "succeeded" else "",
            ),
        )
    about = {"occurred_at": house.now - 4000, "model": MODEL, "version": "1"}
    house.take(
        RetrainRequested(
            event_id=house._id(house.now),
            **about,
            request_key="key-1",
            reason=reasons[0],
            cameras=("belt-3", EVIL),
            cause="new_class",  # type: ignore[arg-type]
            drift_type="sudden",
            since=house.now - 90_000,
            incident_id="0197723a-dc80-7000-8000-000000000001",
            recurs="1",
        )
    )
    steps = (
        ("collect", "412 new labels, 1,240 old frames"),
        ("split", "31 recordings"),
        ("features", "1,652 frames"),
        ("train:lp_ft", "epoch 7 of 20"),
    )
    for number, (step, detail) in enumerate(steps):
        house.take(
            house.job(
                1,
                "running",
                700 - 170 * number,
                step=step,
                progress=0.1 + 0.14 * number,
                detail=detail,
                metrics={"loss": 0.412, "score": 0.871},
            )
        )
    house.take(house.job(2, "held", 5000, hold="data", detail=f"class {EVIL[:30]} has 214 of 300 labelled frames in train"))
    house.take(
        house.published("2", GATES, ""),
        house.rollout("2", "shadow", 0, 9000),
        house.rollout("2", "canary", 0.05, 300, "400 frames, no guard near its limit"),
    )
    set_channels(house.url, MODEL, champion="1", candidate="2", share=0.05, previous=None)
    for number in range(3):
        house.take(
            ServingReported(
                event_id=house._id(house.now),
                occurred_at=house.now - (9 if number else 300),
                model=MODEL,
                replica=f"serving-{number}:8080",
                sequence=2,
                versions=(
                    VersionServed("1", "a" * 64, "champion", "CPUExecutionProvider", 120_400 + number),
                    VersionServed("2", "b" * 64, "candidate", "CPUExecutionProvider", 4021, 3),
                ),
                started_at=house.now - 86_400,
            )
        )
    cards = [
        house.frame(one, camera)
        for one, camera in zip(large_photographs(6), ("belt-3", "belt-4", EVIL, "gate-2", "gate-2", "belt-3"), strict=True)
    ]
    house.take(house.want(cards))


def boxes_picture() -> tuple[bytes, Detections]:
    """A photograph with two bright squares, and what a detector says of it."""
    picture = cv2.imdecode(np.frombuffer(large_photographs(1)[0], np.uint8), cv2.IMREAD_COLOR)
    for x, y in ((60, 80), (250, 220)):
        cv2.rectangle(picture, (x, y), (x + 90, y + 90), (235, 240, 245), -1)
    said = Detections((Box("china", 58, 78, 152, 171, 0.9), Box("flower", 249, 218, 341, 312, 0.7)))
    return cv2.imencode(".jpg", picture)[1].tobytes(), said
