"""True boxes in the pixels of a model's input, and the stratum of a frame."""

import numpy as np
import pytest

from contracts.detections import detections, way
from contracts.frame_header import Header
from contracts.manifest import InputSpec
from contracts.predictions import Box, BoxesTruth
from retrain.data.box_truth import EMPTY, fitted, stratum

LABELS = ("bolt", "nut")


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("decode", ["full", "reduced"])
def test_boxes_go_there_and_come_back(fit: str, decode: str) -> None:
    there = way(Header("jpeg", 641, 403), InputSpec("image", 64, 96, fit, decode))  # type: ignore[arg-type]
    truth = BoxesTruth((Box("nut", 10, 20, 110.5, 300), Box("bolt", 0, 0, 641, 403)))
    corners, classes = fitted(truth, LABELS, there)
    assert classes.tolist() == [1, 0]
    rows = np.column_stack([corners, [0.9, 0.8], classes]).astype(np.float32)
    back = detections(rows, LABELS, there)
    assert back is not None
    for box, other in zip(back.boxes, truth.boxes, strict=True):
        assert box.label == other.label
        assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((other.x1, other.y1, other.x2, other.y2), abs=0.02)


def test_no_boxes_are_a_truth_and_a_strange_class_is_none() -> None:
    there = way(Header("jpeg", 64, 64), InputSpec("image", 64, 64))
    corners, classes = fitted(BoxesTruth(()), LABELS, there)
    assert (corners.shape, classes.shape) == ((0, 4), (0,))
    with pytest.raises(ValueError, match="boxes of screw: expected the classes bolt, nut"):
        fitted(BoxesTruth((Box("screw", 0, 0, 9, 9),)), LABELS, there)


def test_a_frame_counts_as_what_it_has_most_of() -> None:
    bolt, nut = Box("bolt", 0, 0, 9, 9), Box("nut", 0, 0, 9, 9)
    assert [stratum(BoxesTruth(boxes)) for boxes in ((nut, bolt, nut), (nut, bolt), ())] == ["nut", "bolt", EMPTY]
