"""Boxes as people draw them."""

import math

import pytest

from contracts.predictions import Box, BoxesTruth
from retrain.data.boxes import flaws

SOUND = (Box("bolt", 0, 0, 10, 10), Box("nut", 0, 0, 10, 10), Box("bolt", 90, 70, 100, 80))


def test_sound_boxes_have_no_flaws_and_neither_has_an_empty_frame() -> None:
    assert flaws(BoxesTruth(SOUND), ("bolt", "nut"), 100, 80) == ()
    assert flaws(BoxesTruth(()), ("bolt",), 100, 80) == ()


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        (Box("cog", 20, 20, 30, 30), "box 4 (cog) is of none of the model's classes"),
        (Box("nut", 95, 20, 101, 30), "box 4 (nut) at 95, 20, 101, 30 does not lie inside the frame of 100 x 80 pixels"),
        (Box("nut", -1, 20, 30, 30), "box 4 (nut) at -1, 20, 30, 30 does not lie inside the frame of 100 x 80 pixels"),
        (Box("nut", 30, 20, 20, 30), "box 4 (nut) at 30, 20, 20, 30 does not lie inside the frame of 100 x 80 pixels"),
        (Box("nut", math.nan, 20, 30, 30), "box 4 (nut) at nan, 20, 30, 30 does not lie inside the frame of 100 x 80 pixels"),
        (Box("nut", 20, 20, 22, 30), "box 4 (nut) at 20, 20, 22, 30 has a side of 2 pixels or less"),
        (Box("bolt", 0.1, 0.1, 10, 10), "box 4 (bolt) is box 1 drawn again"),
    ],
)
def test_each_flaw_is_said_with_its_box(box: Box, reason: str) -> None:
    assert flaws(BoxesTruth((*SOUND, box)), ("bolt", "nut"), 100, 80) == (reason,)


def test_objects_that_overlap_are_no_flaw() -> None:
    assert flaws(BoxesTruth((*SOUND, Box("bolt", 1, 0, 11, 10))), ("bolt", "nut"), 100, 80) == ()
