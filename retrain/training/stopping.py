"""When further epochs are no use: none of the last `patience` beat the best score."""

import math
from typing import NamedTuple


class Best(NamedTuple):
    """The highest validation score so far and its epoch (0: before the first)."""

    score: float
    epoch: int


def better(score: float, best: Best) -> bool:
    """Whether `score` is a new best: of equal ones the earlier, which has wandered less from where it began. Raises ValueError for a score that is none."""
    if not math.isfinite(score):
        raise ValueError(f"the validation score is {score}, expected a finite number")
    return score > best.score


def over(epoch: int, best: Best, patience: int) -> bool:
    """Whether to stop after `epoch` epochs."""
    return epoch - best.epoch >= patience
