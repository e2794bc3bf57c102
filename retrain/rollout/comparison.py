"""How the answers of two versions to one frame are compared, with each other and with the truth: one class against another, boxes against boxes. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.predictions import Box, BoxesTruth, Classification, ClassTruth, Prediction, Truth
from contracts.quality_detection import match

_UNLIKE: Final = 0.5
"""Two versions contradict each other on a frame when fewer than half of their boxes meet (1 - F1 above this, at IoU 0.5). Asking for all to meet would call
every crowded frame a contradiction."""
_Boxes = list[tuple[str, int, int, int, int]]


def said(prediction: Prediction, threshold: float) -> str:
    """What is remembered of an answer until the other version's arrives: the class, or the boxes that score at least `threshold`, to the pixel. "": nothing."""
    if isinstance(prediction, Classification):
        return msgspec.json.encode(prediction.labels[0]).decode() if prediction.labels else ""
    sure = [box for box in prediction.boxes if box.score >= threshold and _whole(box)]
    return msgspec.json.encode([(box.label, *map(round, (box.x1, box.y1, box.x2, box.y2))) for box in sure]).decode()


def same(one: str, other: str) -> bool:
    """Whether two answers, as `said` gives them, agree."""
    if one == other:
        return True
    if not (one.startswith("[") and other.startswith("[")):
        return False
    first, second = (_boxes(answer) for answer in (one, other))
    return match(first, second).loss() <= _UNLIKE


def loss(prediction: Prediction, truth: Truth, threshold: float) -> float | None:
    """What an answer cost, 0 to 1: a wrong class 1, boxes 1 - F1 of those that score at least `threshold`.

    None where that cannot be said: a truth of the other task, or with boxes that are none.
    """
    if isinstance(prediction, Classification):
        return float(prediction.label != truth.label) if isinstance(truth, ClassTruth) and prediction.labels else None
    if not isinstance(truth, BoxesTruth) or not all(map(_whole, truth.boxes)):
        return None
    return match(truth.boxes, [box for box in prediction.boxes if _whole(box)]).loss(threshold)


def _boxes(answer: str) -> Sequence[Box]:
    return [Box(*box) for box in msgspec.json.decode(answer, type=_Boxes)]


def _whole(box: Box) -> bool:
    return box.x1 <= box.x2 and box.y1 <= box.y2 and 0 <= box.score <= 1
