"""What a frame's boxes are watched by: one definition for the baseline's rows and for live frames.

A box counts by its score, in the number of objects and in the means alike. Read as probabilities the scores' sum is the number of objects expected: no
threshold, which a slow change would cross all at once, and the many boxes of low scores hardly weigh. Scores are watched as doubt, what they lack of 1: an
empty frame, which has neither, then lies near the sure ones, and a fall of all scores moves the mean three times as far, in its deviations.
"""

from collections.abc import Sequence

import numpy as np

from contracts.predictions import Box, Detections


def names(labels: Sequence[str]) -> tuple[str, ...]:
    """Of the columns that `vector` gives, [K + 2]."""
    return (*(f"objects of {label}" for label in labels), "mean doubt", "mean share")


def vector(found: Detections, labels: Sequence[str], width: int, height: int) -> list[float]:
    """[K + 2]: log(1 + expected objects) of each class; the boxes' mean doubt and mean share of the frame's area, 0 where there is none.

    `width` and `height` are the frame's. Boxes of other classes than `labels` count nowhere.
    """
    objects = dict.fromkeys(labels, 0.0)
    known = [box for box in found.boxes if box.label in objects]
    for box in known:
        objects[box.label] += box.score
    _, doubt, share = weighed(known, width, height)
    return [*np.log1p(list(objects.values())).tolist(), doubt, share]


def weighed(boxes: Sequence[Box], width: int, height: int) -> tuple[float, float, float]:
    """Expected objects, mean doubt and mean share of a frame's area, of boxes of whatever class."""
    objects = doubts = areas = 0.0
    for box in boxes:
        objects += box.score
        doubts += box.score * (1 - box.score)
        areas += box.score * (box.x2 - box.x1) * (box.y2 - box.y1)
    whole = objects or 1.0
    return objects, doubts / whole, areas / whole / max(1, width * height)
