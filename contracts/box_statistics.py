"""What a frame's boxes are watched by: one definition for the baseline's rows and for live frames.

A box counts by its score, in the number of objects and in the means alike. Read as probabilities the scores' sum is the number of objects expected: no
threshold, which a slow change would cross all at once, and the many boxes of low scores hardly weigh.
"""

from collections.abc import Sequence

import numpy as np

from contracts.predictions import Detections


def names(labels: Sequence[str]) -> tuple[str, ...]:
    """Of the columns that `vector` gives, [K + 2]."""
    return (*(f"objects of {label}" for label in labels), "mean score", "mean share")


def vector(found: Detections, labels: Sequence[str], width: int, height: int) -> list[float]:
    """[K + 2]: log(1 + expected objects) of each class; the boxes' mean score and mean share of the frame's area, 0 where there is none.

    `width` and `height` are the frame's. Boxes of other classes than `labels` count nowhere.
    """
    objects = dict.fromkeys(labels, 0.0)
    squares = shares = 0.0
    for box in found.boxes:
        if box.label in objects:
            objects[box.label] += box.score
            squares += box.score**2
            shares += box.score * (box.x2 - box.x1) * (box.y2 - box.y1)
    whole = sum(objects.values()) or 1.0
    return [*np.log1p(list(objects.values())).tolist(), squares / whole, shares / whole / max(1, width * height)]
