"""What a frame's boxes are watched by: counted by their score, and nothing for nothing."""

import math

import pytest

from contracts import box_statistics
from contracts.predictions import Box, Detections

LABELS = ("bolt", "nut")


def test_boxes_count_by_their_score() -> None:
    found = Detections((Box("nut", 0, 0, 10, 10, 0.8), Box("nut", 0, 0, 20, 10, 0.4), Box("bolt", 0, 0, 5, 10, 0.2)))
    bolts, nuts, doubt, share = box_statistics.vector(found, LABELS, 100, 50)
    assert (bolts, nuts) == pytest.approx((math.log(1.2), math.log(2.2)))
    assert doubt == pytest.approx((0.16 + 0.24 + 0.16) / 1.4)
    assert share == pytest.approx((0.8 * 100 + 0.4 * 200 + 0.2 * 50) / 1.4 / 5000)
    assert box_statistics.names(LABELS) == ("objects of bolt", "objects of nut", "mean doubt", "mean share")


def test_nothing_and_what_is_not_watched_count_nowhere() -> None:
    assert box_statistics.vector(Detections(()), LABELS, 10, 10) == [0, 0, 0, 0]
    assert box_statistics.vector(Detections((Box("washer", 0, 0, 5, 5, 0.9),)), LABELS, 10, 10) == [0, 0, 0, 0]
