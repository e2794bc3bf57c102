"""True boxes on their way to a detector: from pixels of the frame as sent to pixels of its input, and what a frame counts as when sets are dealt."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.detections import Way
from contracts.predictions import BoxesTruth, ClassTruth, Truth

EMPTY: Final = "(nothing)"
"""The stratum of a frame without objects."""
Boxes = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Corners [B, 4] and classes [B]."""


def fitted(truth: BoxesTruth, labels: Sequence[str], way: Way) -> Boxes:
    """The boxes in pixels of the model's input. Raises ValueError for a class that is none of `labels`."""
    place = {label: k for k, label in enumerate(labels)}
    unknown = sorted({box.label for box in truth.boxes} - place.keys())
    if unknown:
        raise ValueError(f"boxes of {', '.join(unknown)}: expected the classes {', '.join(labels)}")
    corners = np.array([(box.x1, box.y1, box.x2, box.y2) for box in truth.boxes], np.float64).reshape(-1, 4)
    return (corners * way.scale + way.offset).astype(np.float32), np.array([place[box.label] for box in truth.boxes], np.int64)


def stratum(truth: Truth) -> str:
    """What a frame counts as when sets are dealt: its class; of boxes the class of most objects, of several the first by name, EMPTY without any."""
    if isinstance(truth, ClassTruth):
        return truth.label
    counts: dict[str, int] = {}
    for box in truth.boxes:
        counts[box.label] = counts.get(box.label, 0) + 1
    return min(counts, key=lambda label: (-counts[label], label), default=EMPTY)
