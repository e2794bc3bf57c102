"""The label store: one row a frame, the newest truth wins, and nothing of a faulty camera is trained on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import FrameLabelled
from contracts.incidents import Incident
from contracts.predictions import BoxesTruth, ClassTruth
from retrain.labels.book import Labels
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[Labels]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    yield Labels(database)
    database.close()


def labelled(frame: str, captured_at: float = 100.0, camera: str = "a", label: str = "fine", **fields: object) -> FrameLabelled:
    standard = {"occurred_at": 200.0, "sample": "uniform", "stored": f"frames/{frame}.jpg", "truth": ClassTruth(label)}
    return FrameLabelled(  # type: ignore[call-arg]
        event_id=frame,
        model="m",
        frame_id=frame,
        camera=camera,
        site="s",
        captured_at=captured_at,
        predictions=(),
        **{**standard, **fields},  # type: ignore[arg-type]
    )


def fault(camera: str, since: float) -> Incident:
    return Incident(
        incident_id=f"fault of {camera}",
        cause="camera_fault",
        severity="ticket",
        headline="",
        action="",
        site="s",
        cameras=(camera,),
        version="1",
        since=since,
        opened_at=since,
    )


def frames(labels: Labels, *excluded: str, since: float = 0.0) -> list[str]:
    return [frame.frame_id for frame in labels.usable(excluded, since)]


def test_repeats_conflicts_and_older_truths(labels: Labels) -> None:
    assert labels.add(labelled("f")) == "new"
    assert labels.add(labelled("f")) == "same"
    assert labels.add(labelled("f", label="defect", occurred_at=300.0)) == "conflict"
    assert labels.add(labelled("f", label="fine", occurred_at=250.0)) == "older"
    assert [frame.label for frame in labels.usable(())] == ["defect"]
    assert labels.count() == 1


@pytest.mark.parametrize("fields", [{"audit": True}, {"stored": None}, {"sample": None}, {"truth": BoxesTruth(())}])
def test_what_can_never_be_trained_on_is_not_kept(labels: Labels, fields: dict[str, object]) -> None:
    assert labels.add(labelled("f", **fields)) == "unusable"
    assert labels.count() == 0


def test_only_uniform_labels_since_the_change_are_waited_for(labels: Labels) -> None:
    labels.add(labelled("before", captured_at=50.0))
    labels.add(labelled("after", captured_at=150.0))
    labels.add(labelled("unsure", captured_at=150.0, sample="uncertain"))
    assert labels.count_new(100.0, ()) == 1
    assert labels.count_new(0.0, ()) == 2
    assert frames(labels) == ["before", "after", "unsure"]


def test_excluded_and_faulty_cameras(labels: Labels) -> None:
    for camera in "abc":
        labels.add(labelled(camera, camera=camera))
    labels.fault(fault("b", since=180.0), None)
    assert labels.faulty() == {"b"}
    assert frames(labels, "c") == ["a"]
    assert labels.count_new(0.0, ("c",)) == 1


def test_frames_captured_during_a_fault_stay_out_after_it(labels: Labels) -> None:
    for at in (100.0, 150.0, 200.0):
        labels.add(labelled(f"at {at:g}", captured_at=at))
    labels.fault(fault("a", since=140.0), None)
    assert frames(labels) == []
    labels.fault(fault("a", since=140.0), 160.0)
    assert labels.faulty() == frozenset()
    assert frames(labels) == ["at 100", "at 200"]
    labels.no_fault("fault of a")
    assert frames(labels) == ["at 100", "at 150", "at 200"]
