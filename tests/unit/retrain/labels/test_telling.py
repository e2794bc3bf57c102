"""A summary counts, groups by reason, and stays short whatever the file held."""

from contracts.events import FrameLabelled, Sample
from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth
from retrain.labels.formats.labelled import LeftOut
from retrain.labels.telling import Tally, export_lines


def event(truth: Truth, camera: str = "a", sample: Sample = "uniform") -> FrameLabelled:
    return FrameLabelled(
        event_id="e",
        occurred_at=1.0,
        model="m",
        frame_id="f",
        camera=camera,
        site="s",
        captured_at=1.0,
        truth=truth,
        predictions=(),
        sample=sample,
    )


def test_what_was_taken() -> None:
    tally = Tally()
    for number in range(1200):
        tally.take(event(ClassTruth("dog" if number % 3 else "cat"), f"c{number % 2}", "uncertain" if number % 4 else "uniform"))
    assert tally.lines("put on the log") == [
        "1,200 labels put on the log, of 2 cameras: dog 800, cat 400",
        "  300 of uniformly sampled frames: these measure the model, the others only teach it",
    ]


def test_boxes_are_counted_by_class_and_empty_frames_told() -> None:
    tally = Tally()
    tally.take(event(BoxesTruth((Box("dog", 0, 0, 1, 1), Box("dog", 0, 0, 2, 2)))))
    tally.take(event(BoxesTruth(())))
    assert tally.lines("would be put on the log")[:2] == [
        "2 labels would be put on the log, of 1 camera: dog 2",
        "  1 frame in which nothing is to be seen",
    ]


def test_what_was_not_taken_by_reason_with_some_places() -> None:
    tally = Tally()
    for number in range(5):
        tally.leave_out(LeftOut(f"{number}.jpg", f"row {number}", "it is gone"))
    tally.leave_out(LeftOut("x\x1b[2J", "", "it is strange"))
    tally.leave_out(LeftOut("y", "task 3", "nobody", unlabelled=True))
    assert tally.not_taken == 6
    assert tally.lines("put on the log") == [
        "0 labels put on the log",
        "1 picture without a label yet",
        "6 labels not taken",
        "  5: it is gone (row 0 '0.jpg', row 1 '1.jpg', row 2 '2.jpg', …)",
        "  1: it is strange ('x\\x1b[2J')",
    ]


def test_a_summary_stays_short() -> None:
    tally = Tally()
    for number in range(500):
        tally.take(event(ClassTruth(f"class {number}")))
        tally.leave_out(LeftOut("x" * 10_000, f"row {number}", f"reason {number}"))
    lines = tally.lines("put on the log")
    assert len(lines) < 30
    assert max(map(len, lines)) < 500
    assert lines[-1] == "  and 480 other reasons"


def test_an_export() -> None:
    out = [LeftOut("a", "f", "gone"), LeftOut("b", "g", "gone")]
    assert export_lines(3, "a.csv", out) == ["3 labels written to a.csv", "2 labels not written: gone"]
