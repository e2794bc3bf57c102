"""Frames labelled with boxes on their way into a detector's dataset: those that can be learned from, and why the others cannot."""

from pathlib import Path

from contracts.files import Folder
from contracts.frame_store import FrameStore
from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth
from retrain.data.box_truth import EMPTY
from retrain.data.frames import Excluded, labelled, usable
from retrain.request import LabelledFrame
from tests.composed import composed, jpeg

PICTURES = [jpeg(one.image) for one in composed(6, seed=9)]
BOLT, NUT = Box("bolt", 10, 10, 40, 40), Box("nut", 60, 60, 90, 90)


def put(folder: Path, number: int, truth: Truth, picture: int | None = None) -> LabelledFrame:
    path = f"frames/f{number}.jpg"
    Folder(str(folder)).write(path, PICTURES[number if picture is None else picture])
    return LabelledFrame(frame_id=f"f{number}", camera="c", site="s", captured_at=float(number), path=path, truth=truth)


def test_boxes_and_none_are_truths_and_what_cannot_be_right_is_named(tmp_path: Path) -> None:
    frames = [
        put(tmp_path, 0, BoxesTruth((BOLT, NUT, Box("nut", 100, 10, 130, 40)))),
        put(tmp_path, 1, BoxesTruth(())),
        put(tmp_path, 2, BoxesTruth((Box("bolt", 10, 10, 400, 40),))),
        put(tmp_path, 3, BoxesTruth((Box("bird", 10, 10, 40, 40),))),
        put(tmp_path, 4, ClassTruth("bolt")),
    ]
    excluded = Excluded()
    found = labelled(frames, FrameStore(str(tmp_path)), 60.0, excluded, "detection")
    kept = usable(found, ("bolt", "nut"), excluded)
    assert [(one.name, one.label, one.truth) for one in kept] == [
        ("f0", "nut", frames[0].truth),
        ("f1", EMPTY, BoxesTruth(())),
    ]
    assert excluded.reasons == {
        "labelled with a class, and the model finds boxes": ["f4"],
        "with boxes that cannot be right": [
            "f2: box 1 (bolt) at 10, 10, 400, 40 does not lie inside the frame of 160 x 120 pixels"
        ],
        "labelled 'bird', which is none of the model's classes": ["f3"],
    }
    assert labelled(frames[:1], FrameStore(str(tmp_path)), 60.0, excluded) == []  # of a classifier


def test_one_picture_with_other_boxes_is_labelled_in_two_ways(tmp_path: Path) -> None:
    frames = [put(tmp_path, 0, BoxesTruth((BOLT,)), 0), put(tmp_path, 1, BoxesTruth((BOLT, Box("bolt", 60, 10, 90, 40))), 0)]
    excluded = Excluded()
    assert usable(labelled(frames, FrameStore(str(tmp_path)), 60.0, excluded, "detection"), ("bolt", "nut"), excluded) == []
    assert excluded.reasons == {"labelled in two ways": ["f0", "f1"]}
