"""A detector's answer: rows of the graph's output as boxes in pixels of the frame as sent. Serving, the gates and training read them alike.

A graph answers `boxes` [N, M, 6]: left, top, right, bottom in pixels of its input, score, class; unused rows have the score 0. Frames were decoded,
perhaps reduced, and stretched or letterboxed on their way in (see frames.see): `Way` is that way, and boxes go back along it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts import frames
from contracts.frame_header import Header
from contracts.manifest import InputSpec
from contracts.predictions import Box, Detections

COLUMNS: Final = 6
"""Of a row: four corners, score, class."""
FLOOR: Final = 0.05
"""Rows of a lower score are no boxes: average precision barely sees them, and an event would carry a hundred of them a frame."""
MOST_BOXES: Final = 100
"""Best boxes of a frame that are kept, as in COCO."""
MOST_ROWS: Final = 1000
"""M of a graph at most."""
_CORNER_DIGITS: Final = 2
_SCORE_DIGITS: Final = 6
_ROUNDING: Final = 1e-4
"""By which a score may exceed 1."""
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """From a frame as sent to a model's input: corners [4] * `scale` + `offset`. `most` [4] are the frame's width and height, twice."""

    scale: Doubles
    offset: Doubles
    most: Doubles


@lru_cache(1024)
def way(header: Header, spec: InputSpec) -> Way:
    """How a frame of this header is brought to a model's input.

    A JPEG that is decoded at 1/8 has its sides rounded up: 641 pixels become 81, which stand for 648.
    """
    by = frames.reduction(header, spec)
    seen = (-(-header.width // by), -(-header.height // by))
    fitted = frames.fitted(*seen, spec)
    return Way(
        np.array([now / (was * by) for now, was in zip(fitted, seen, strict=True)] * 2),
        np.array([(side - now) // 2 for side, now in zip((spec.width, spec.height), fitted, strict=True)] * 2, np.float64),
        np.array([header.width, header.height] * 2, np.float64),
    )


def detections(rows: Floats, labels: Sequence[str], way: Way) -> Detections | None:
    """The boxes in a frame's rows [M, 6], best first, in pixels of the frame as sent; None where a score, or what has one, is no sensible number.

    What lies outside of the frame is cut off; boxes of which nothing is left, or that are inside out, are left out. About 40 microseconds for 100 boxes.
    """
    scores = rows[:, 4]
    if not (scores.min() >= 0 and scores.max() <= 1 + _ROUNDING):  # what is not a number is neither
        return None
    kept = np.flatnonzero(scores > FLOOR)
    if not len(kept):
        return Detections(())
    best = rows[kept[np.argsort(-scores[kept], kind="stable")[:MOST_BOXES]]].astype(np.float64)
    classes = best[:, 5]
    if not (math.isfinite(best.sum()) and classes.min() >= 0 and classes.max() < len(labels) and (classes % 1 == 0).all()):
        return None
    corners = np.minimum(np.maximum((best[:, :4] - way.offset) / way.scale, 0.0), way.most).round(_CORNER_DIGITS).tolist()
    scores = np.minimum(best[:, 4], 1.0).round(_SCORE_DIGITS)
    return Detections(
        tuple(
            [
                Box(labels[k], x1, y1, x2, y2, score)
                for (x1, y1, x2, y2), score, k in zip(corners, scores.tolist(), classes.astype(np.int64).tolist(), strict=True)
                if x1 < x2 and y1 < y2
            ]
        )
    )
