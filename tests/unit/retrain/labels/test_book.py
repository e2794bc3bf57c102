"""The label store: one row a frame, the newest truth wins, and nothing of a faulty camera is trained on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import FrameLabelled, ReviewLabel
from contracts.incidents import Incident
from contracts.predictions import Box, BoxesTruth, ClassTruth
from retrain.labels.book import Labels
from retrain.labels.doubts import Verdict
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


def review(frame: str, verdict: Verdict, at: float) -> ReviewLabel:
    return ReviewLabel(event_id=f"{frame} {verdict}", occurred_at=at, model="m", frame_id=frame, by="ada", verdict=verdict)


def frames(labels: Labels, *excluded: str, since: float = 0.0) -> list[str]:
    return [frame.frame_id for frame in labels.usable(excluded, since)]


def test_repeats_conflicts_and_older_truths(labels: Labels) -> None:
    assert labels.add(labelled("f")) == "new"
    assert labels.add(labelled("f")) == "same"
    assert labels.add(labelled("f", label="defect", occurred_at=300.0)) == "conflict"
    assert labels.add(labelled("f", label="fine", occurred_at=250.0)) == "older"
    assert [frame.label for frame in labels.usable(())] == ["defect"]
    assert labels.count() == 1


@pytest.mark.parametrize("fields", [{"audit": True}, {"stored": None}, {"sample": None}])
def test_what_can_never_be_trained_on_is_not_kept(labels: Labels, fields: dict[str, object]) -> None:
    assert labels.add(labelled("f", **fields)) == "unusable"
    assert labels.count() == 0


def test_a_correction_is_taken_back_and_what_was_said_last_holds(labels: Labels) -> None:
    said = [("a", 200.0), ("b", 210.0), ("a", 220.0), ("b", 215.0)]
    assert [labels.add(labelled("f", label=label, occurred_at=at)) for label, at in said] == [
        "new",
        "conflict",
        "conflict",
        "older",
    ]
    assert [frame.label for frame in labels.usable(())] == ["a"]


def test_boxes_are_labels_too_and_none_is_another_truth_than_one(labels: Labels) -> None:
    nothing, one = BoxesTruth(()), BoxesTruth((Box("dog", 1, 2, 3, 4),))
    assert [labels.add(labelled("f", truth=truth, occurred_at=200.0 + at)) for at, truth in enumerate([nothing, nothing, one])] == [
        "new",
        "same",
        "conflict",
    ]
    (frame,) = labels.usable(())
    assert (frame.truth, frame.label) == (one, "")
    assert labels.count_new(0.0, ()) == 1


def test_a_kept_frame_lies_where_it_was_put_also_after_a_correction(labels: Labels) -> None:
    for frame in "ca":
        labels.add(labelled(frame))
    assert labels.unkept("", 9) == [("a", "frames/a.jpg"), ("c", "frames/c.jpg")]
    assert (labels.unkept("a", 9), labels.unkept("", 1)) == ([("c", "frames/c.jpg")], [("a", "frames/a.jpg")])
    labels.kept("a", "datasets/m/files/1")
    labels.kept("c", "")
    labels.kept("never heard of", "datasets/m/files/2")
    labels.add(labelled("a", label="other", occurred_at=300.0))
    assert labels.unkept("", 9) == []
    assert {frame.frame_id: frame.path for frame in labels.usable(())} == {"a": "datasets/m/files/1", "c": "frames/c.jpg"}
    labels.expect_all()
    assert len(labels.unkept("", 9)) == 2


def test_a_label_called_wrong_is_not_used_until_a_new_one_comes(labels: Labels) -> None:
    for frame in "abc":
        labels.add(labelled(frame))
    for frame, verdict in (("a", "wrong"), ("b", "right"), ("c", "unsure")):
        assert labels.doubts.reviewed(review(frame, verdict, 300.0)) == ""
    assert frames(labels) == ["b", "c"]
    assert labels.count_new(0.0, ()) == 2
    assert labels.doubts.called("wrong") == ("a",)
    labels.add(labelled("a", occurred_at=250.0))  # said before it was called wrong
    assert frames(labels) == ["b", "c"]
    labels.add(labelled("a", occurred_at=400.0))
    assert frames(labels) == ["a", "b", "c"]
    assert labels.count_new(0.0, ()) == 3
    assert labels.doubts.called("right") == ("b",)
    labels.add(labelled("b", label="defect", occurred_at=400.0))
    assert labels.doubts.called("right") == ()


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
