"""A detector through the running retrain service: labelled boxes on the log, a real training process, its gates, the version, its rollout.

The test plays serving and the labeller: it answers night frames with the boxes that the version in question truly finds in them.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import FrameLabelled, FrameScored, JobAdvanced, ModelPublished, RolloutAdvanced
from contracts.ids import new_id
from contracts.manifest import MODEL as GRAPH
from contracts.predictions import Box, Detections, Variant
from retrain.launch.local import CANDIDATE
from tests.composed import jpeg
from tests.detector_house import NEW, SINCE, DetectorHouse, champion, found, night, precision
from tests.retrain_house import MODEL, House
from tests.scored_frames import frame_scored
from tests.small_model import set_channels

TRAINED_S = 420.0
"""Seconds that labels, training and gates may take together: about a minute of one free core."""


class Line(House):
    """A house whose champion is a detector that knows the day, with the training process of production."""

    def furnish(self) -> None:
        self.night = [jpeg(one.image) for one in night(40, 40)]
        self.frames = DetectorHouse(self.folder, champion)
        self.said: dict[str, list[tuple[Box, ...]]] = {}
        set_channels(self.repository.url, MODEL, champion="1")

    @property
    def training(self) -> tuple[str, ...]:
        return tuple(CANDIDATE)

    def labels(self) -> list[FrameLabelled]:
        """A person's boxes on night frames, of a fixed time: which recordings learn and which judge follows from it."""
        now = time.time()
        return [
            FrameLabelled(
                event_id=new_id(now), occurred_at=now, model=MODEL, frame_id=one.frame_id, camera=one.camera, site=one.site,
                captured_at=one.captured_at, truth=one.truth, stored=one.path, sample="uniform", predictions=(), labelled_by="ada",
            )
            for one in self.frames.labelled(night(NEW, 7))
        ]  # fmt: skip

    def _scored(self, frame: str, camera: str, version: str, variant: Variant) -> FrameScored:
        if version not in self.said:
            self.said[version] = found(self.repository.file(MODEL, version, GRAPH), self.night)
        boxes = self.said[version][hash_of(frame) % len(self.night)]
        now = time.time()
        return frame_scored(frame, camera, version, variant, Detections(boxes), now, event_id=new_id(now), width=160, height=120)


def hash_of(frame: str) -> int:
    """Both versions answer the same picture."""
    return sum(frame.encode())


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path, min_train_per_class="50", labels_wanted="200", seed="1", stop_grace_s="30")
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_detector_is_retrained_gated_published_and_rolled_out(line: Line) -> None:
    line.start()
    line.publish(line.request(SINCE, cause="environment_change", drift_type="sudden"), *line.labels())

    def over() -> bool:
        return any(isinstance(event, JobAdvanced) and event.state in ("succeeded", "rejected", "failed") for event in line.events)

    line.until(over, "the end of the job", TRAINED_S)
    last = [event for event in line.events if isinstance(event, JobAdvanced)][-1]
    assert last.state == "succeeded", last.detail
    assert {gate.gate: gate.verdict for gate in last.gates}["gain"] == "pass"
    assert [event.version for event in line.events if isinstance(event, ModelPublished)] == ["2"]
    manifest = line.repository.manifest(MODEL, "2")
    assert (manifest.task, manifest.lineage.origin, manifest.lineage.parent) == ("detection", "retrain", "1")
    model = line.repository.file(MODEL, "2", GRAPH)
    assert precision(model, night(100, 41)) > precision(champion()[0], night(100, 41)) + 0.1

    def states() -> list[str]:
        return [event.state for event in line.events if isinstance(event, RolloutAdvanced)]

    line.until(lambda: "stable" in states() or "rolled_back" in states(), "the end of the rollout")
    assert [state for state in states() if state != "canary"] == ["shadow", "champion", "watch", "stable"]
    assert line.repository.channels(MODEL).champion == "2"
    assert line.stop() == 0
