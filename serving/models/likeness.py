"""Whether answers are the same as those recorded where a version was made, as far as hardware and precision may move them. None: they are; else what is not."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.detections import COLUMNS, FLOOR
from serving.models.providers import Precision
from serving.models.runners import Floats

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an answer may lie from the recorded one: each probability by `probability`, the embedding's axes by `embedding` in the mean (root mean square,
    in standard deviations of the reference)."""

    probability: float
    embedding: float


TOLERANCES: Final[dict[Precision, Tolerance]] = {"full": Tolerance(0.01, 0.02), "half": Tolerance(0.03, 0.05)}
"""Measured on EfficientNet-lite0 in 16 bits: probabilities off by at most 0.012, the embedding by 0.003."""
SCORE_OFF: Final = 0.02
"""How far a box's score may lie from the recorded one."""
LEAST_IOU: Final = 0.95
"""How far a box and the recorded one must overlap."""


def probabilities_differ(recorded: Floats, found: Doubles, tolerance: float) -> str | None:
    """How probabilities [G, K] differ from the recorded ones beyond the tolerance. NaN differs.

    A class that led by more than twice the tolerance leads still, so the first class needs no test of its own.
    """
    gap = np.abs(found - recorded).max(axis=1)
    if (gap <= tolerance).all():
        return None
    worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    return f"a probability of frame {worst} is off by {gap[worst]:.3g}, {tolerance:g} are allowed"


def embedding_differs(recorded: Floats, found: Floats, tolerance: float) -> str | None:
    """How an embedding [G, A] differs from the recorded one beyond the tolerance. NaN differs."""
    apart = float(np.sqrt(np.mean(np.square(found - recorded)))) if recorded.size else 0.0
    if apart <= tolerance:
        return None
    return f"the embedding is off by {apart:.3g} standard deviations of the reference, {tolerance:g} are allowed"


def boxes_differ(recorded: Floats, found: Floats) -> str | None:
    """How boxes [G, M, 6] differ from the recorded ones: each must have its like on the other side, of its class, score and place.

    Rows whose score lies no more than SCORE_OFF above the floor, or above that of the last of M, may be missing on the other side. NaN differs.
    """
    for frame, (before, now) in enumerate(zip(recorded, found, strict=True)):
        for rows, others, what in ((before, now, "is missing"), (now, before, "was not there")):
            alone = _without_like(rows.astype(np.float64), others.astype(np.float64))
            if alone is not None:
                return f"of frame {frame} a box of the class {alone[5]:g} and the score {alone[4]:.3g} {what}"
    return None


def _without_like(rows: Doubles, others: Doubles) -> Doubles | None:
    """The first of the rows [M, 6] that must have its like among the others, best first, and has none left; None when all have."""
    if not (np.isfinite(rows).all() and np.isfinite(others).all()):
        return np.full(COLUMNS, np.nan)
    overlaps = _overlaps(rows[:, :4], others[:, :4])
    near = np.abs(rows[:, None, 4] - others[None, :, 4]) <= SCORE_OFF
    like = np.where(near & (rows[:, None, 5] == others[None, :, 5]) & (overlaps >= LEAST_IOU), overlaps, 0.0)
    certain = max(FLOOR, float(rows[:, 4].min())) + SCORE_OFF
    for k in np.argsort(-rows[:, 4], kind="stable").tolist():
        if rows[k, 4] <= certain:
            return None
        best = int(like[k].argmax())
        if not like[k, best]:
            return np.asarray(rows[k])
        like[:, best] = 0.0
    return None


def _overlaps(boxes: Doubles, others: Doubles) -> Doubles:
    """Intersection over union [n, m] of boxes [n, 4] and [m, 4]; 0 where both are empty."""
    low, high = (
        choose(boxes[:, None, side], others[None, :, side])
        for choose, side in ((np.maximum, slice(0, 2)), (np.minimum, slice(2, 4)))
    )
    both = np.maximum(0.0, high - low).prod(axis=2)
    sizes, other_sizes = ((of[:, 2:] - of[:, :2]).prod(axis=1) for of in (boxes, others))
    either = sizes[:, None] + other_sizes - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=either > 0))
