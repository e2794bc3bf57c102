"""What is wrong with the boxes that a person drew, before a detector learns from them."""

from collections.abc import Collection
from typing import Final

from contracts.predictions import Box, BoxesTruth
from contracts.quality_detection import overlap

MIN_SIDE: Final = 2.0
"""Pixels of the frame as sent: what is smaller is a slip of the hand, and no detector sees it."""
TWICE: Final = 0.95
"""Intersection over union from which two boxes of one class are one object, drawn twice."""


def flaws(truth: BoxesTruth, labels: Collection[str], width: int, height: int) -> tuple[str, ...]:
    """A sentence for each thing that is wrong, in the order of the boxes; none where all can be learned from. `width` and `height` are the frame's."""
    found = []
    for number, box in enumerate(truth.boxes):
        said = f"box {number + 1} ({box.label})"
        if box.label not in labels:
            found.append(f"{said} is of none of the model's classes")
        if not (0 <= box.x1 <= box.x2 <= width and 0 <= box.y1 <= box.y2 <= height):
            found.append(f"{said} at {_corners(box)} does not lie inside the frame of {width} x {height} pixels")
        elif min(box.x2 - box.x1, box.y2 - box.y1) <= MIN_SIDE:
            found.append(f"{said} at {_corners(box)} has a side of {MIN_SIDE:g} pixels or less")
        for earlier, other in enumerate(truth.boxes[:number]):
            if other.label == box.label and overlap(other, box) > TWICE:
                found.append(f"{said} is box {earlier + 1} drawn again")
                break
    return tuple(found)


def _corners(box: Box) -> str:
    return ", ".join(f"{value:g}" for value in (box.x1, box.y1, box.x2, box.y2))
