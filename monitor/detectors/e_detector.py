"""The guaranteed channel: has the error rate on uniformly sampled labels risen above what the benchmark allows?

A mixture of Shiryaev-Roberts e-detectors: M_k <- (M_k + 1) (1 + lambda_k (l - p0)) for each loss l in [0, 1], alarm when the mean over k reaches A.
While the conditional risk is at most p0, the average run length to an alarm is at least A labels, without independence. Shin, Ramdas and Rinaldo,
E-detectors: a nonparametric framework for sequential change detection, NEJSDS 2024, section 2. The mean of e-detectors is one again.
"""

from typing import Final

import msgspec

LAMBDAS: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
_CEILING: Final = 1e200
"""Far above any alarm; keeps a detector that goes on after its alarm finite."""


class EDetector(msgspec.Struct):
    """One loss stream's detector. `tolerated` is p0; `sums` holds M_k for each bet of `bets`, all below 1 / p0."""

    tolerated: float
    bets: tuple[float, ...]
    sums: list[float]

    @property
    def value(self) -> float:
        """The mixture: to be compared with the average run length A. 0 before the first label."""
        return sum(self.sums) / len(self.sums)

    def update(self, loss: float) -> None:
        """Take one loss in [0, 1]. Raises ValueError for anything else: a NaN would silence the detector for ever."""
        if not 0.0 <= loss <= 1.0:
            raise ValueError(f"a loss is {loss!r}, allowed is 0 to 1")
        excess = loss - self.tolerated
        self.sums = [min(_CEILING, (m + 1.0) * (1.0 + bet * excess)) for m, bet in zip(self.sums, self.bets, strict=True)]

    def reset(self) -> None:
        """Begin again after an alarm was dealt with."""
        self.sums = [0.0] * len(self.bets)


def detector(tolerated: float) -> EDetector:
    """A detector for losses whose mean may be `tolerated` (p0, in [0, 1)). Raises ValueError outside."""
    if not 0.0 <= tolerated < 1.0:
        raise ValueError(f"the tolerated error is {tolerated!r}, allowed is 0 up to, not including, 1")
    bets = tuple(bet for bet in LAMBDAS if bet * tolerated < 1.0)
    return EDetector(tolerated, bets, [0.0] * len(bets))
