"""The guaranteed channel: has the error rate on uniformly sampled labels risen above what the benchmark allows?

A mixture of Shiryaev-Roberts e-detectors: M_k <- (M_k + w_k) (1 + lambda_k (l - p0)) for each loss l in [0, 1], the weights w_k adding up to 1, alarm
when the sum reaches A. While the conditional risk is at most p0, the average run length to an alarm is at least A labels, without independence: the
sum less the number of labels is a supermartingale. Shin, Ramdas and Rinaldo, E-detectors: a nonparametric framework for sequential change detection,
NEJSDS 2024, section 2.

So each label brings one unit of evidence to stake, and who gets it may be decided by what was known before: units shared out among the detectors of
several segments make one e-detector of them all (segments.py), and so does a start with some units in hand, as long as the line rises by as many
(Moustakides, Polunchenko and Tartakovsky, A numerical approach to performance analysis of quickest change-point detection procedures, 2011: SR-r).
"""

from functools import lru_cache
from typing import Final

import msgspec

STAKES: Final = (0.06, 0.12, 0.24, 0.48)
"""Bets as shares of the ruinous one, lambda_k = s_k / p0. Each is the best against an error of p0 + s_k (1 - p0), a rise by about its own size."""
WEIGHTS: Final = (8 / 15, 4 / 15, 2 / 15, 1 / 15)
"""Small rises need many labels, and a smaller weight costs them the most; a large one's delay is longer by ln 2 / KL, a few labels, for each halving."""
HEAD_START: Final = 0.02
"""Of A, in hand at the start: at most a 2 % chance that it brings a false alarm, and 15 % found in 218 labels instead of 275 right after a start."""
_LEAST_TOLERATED: Final = 1e-3
"""Bets are made as if at least so much were tolerated: against 0 the first error would be infinite proof."""
_CEILING: Final = 1e200
"""Far above any alarm; keeps a detector that goes on after its alarm finite."""


class EDetector(msgspec.Struct, array_like=True):
    """One loss stream's detector. `tolerated` is p0; `sums` holds M_k for each bet; `head_start` is in the sums and not in the value."""

    tolerated: float
    sums: list[float]
    head_start: float = 0.0
    taken: int = 0
    """Labels since the start."""

    @property
    def value(self) -> float:
        """To be compared with the average run length A. 0 before the first label; less than 0 while a head start melts away."""
        return sum(self.sums) - self.head_start

    def update(self, loss: float) -> None:
        """Take one loss in [0, 1]. Raises ValueError for anything else: a NaN would silence the detector for ever."""
        factors = growth(loss, self.tolerated)
        self.sums = [min(_CEILING, (m + w) * f) for m, w, f in zip(self.sums, WEIGHTS, factors, strict=True)]
        self.taken += 1

    def e_value(self, labels: float) -> float:
        """Evidence that the risk rose within the first `labels` labels: on average at most 1 without, whenever it is looked at until then."""
        return max(0.0, self.value) / max(labels, self.taken)

    def reset(self) -> None:
        """Begin again after an alarm was dealt with."""
        self.sums, self.taken = [self.head_start * w for w in WEIGHTS], 0


def growth(loss: float, tolerated: float) -> list[float]:
    """What each bet's stake is multiplied by: on average at most 1 while the risk is at most `tolerated`. Raises ValueError for a loss outside [0, 1]."""
    if not 0.0 <= loss <= 1.0:
        raise ValueError(f"a loss is {loss!r}, allowed is 0 to 1")
    excess = loss - max(_LEAST_TOLERATED, tolerated)
    return [1.0 + bet * excess for bet in _bets(tolerated)]


@lru_cache
def _bets(tolerated: float) -> tuple[float, ...]:
    return tuple(stake / max(_LEAST_TOLERATED, tolerated) for stake in STAKES)


def detector(tolerated: float, head_start: float = 0.0) -> EDetector:
    """A detector for losses whose mean may be `tolerated` (p0, in [0, 1)). Raises ValueError outside."""
    if not 0.0 <= tolerated < 1.0:
        raise ValueError(f"the tolerated error is {tolerated!r}, allowed is 0 up to, not including, 1")
    return EDetector(tolerated, [head_start * w for w in WEIGHTS], head_start)
