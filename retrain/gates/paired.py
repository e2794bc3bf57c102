"""Two models on the same frames: how often one gained and lost against the other, and what that says beyond chance. Pure; the gates give the verdicts.

Counts may be fractions: `clusters.py` shrinks frames of one recording to the independent frames that they are worth.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scipy.special import betainc, betaincinv, ndtr

Z_95_ONE_SIDED: Final = 1.644854
Z_99_ONE_SIDED: Final = 2.326348
Z_POWER_80: Final = 0.841621
_HALVINGS: Final = 40
"""Of an interval no longer than 2: leaves an error of 2e-12."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Of the worth of `n` independent frames, `gained` became right and `lost` became wrong; counted on `frames` frames of `recordings` recordings."""

    gained: float
    lost: float
    n: float
    frames: int
    recordings: int

    @property
    def difference(self) -> float:
        """Share right of the second model minus that of the first, in [-1, 1]; 0 of no frames."""
        return (self.gained - self.lost) / self.n if self.n else 0.0

    @property
    def changed(self) -> float:
        """Share of frames on which only one of the two is right, by the rule of succession: never 0, because none seen is not none."""
        return (self.gained + self.lost + 1.0) / (self.n + 2.0)

    @property
    def p_gain(self) -> float:
        """One-sided mid-p of no gain: small when the second model is better."""
        return mcnemar_mid_p(self.lost, self.gained)

    @property
    def p_loss(self) -> float:
        """One-sided mid-p of no loss: small when the second model is worse."""
        return mcnemar_mid_p(self.gained, self.lost)

    def bounds(self) -> tuple[float, float]:
        """One-sided 95 % bounds (low, high) of the difference."""
        return score_bounds(self.gained, self.lost, self.n)

    def p_within(self, margin: float) -> float:
        """One-sided p of a loss of `margin` or more: below 0.05 exactly where the lower bound is above -margin."""
        return float(ndtr(-_score(-margin, self.gained, self.lost, self.n)))

    def p_beyond(self, margin: float) -> float:
        """One-sided p of a loss of at most `margin`: below 0.05 exactly where the upper bound is below -margin."""
        return 1.0 - self.p_within(margin)

    def frames_needed(self, margin: float) -> int:
        """Frames like these on which a candidate that loses nothing is shown, four times of five, to lose less than `margin`; two digits, rounded up.

        n = (z_0.95 + z_0.8)^2 x changed / margin^2 for independent frames (Nam 1997, at no difference), times what a frame is worth here.
        """
        independent = (Z_95_ONE_SIDED + Z_POWER_80) ** 2 * self.changed / margin**2
        return rounded_up(independent * (self.frames / self.n if self.n else 1.0))

    def smallest_visible(self) -> float:
        """The least difference that this many frames show four times of five: the margin at which `frames_needed` is what there is."""
        return (Z_95_ONE_SIDED + Z_POWER_80) * math.sqrt(self.changed / self.n) if self.n else math.inf


def mcnemar_mid_p(worse: float, better: float) -> float:
    """One-sided mid-p of McNemar's exact test: how probable at most `worse` losses are among the changed frames if gains were no likelier than losses.

    Fagerland, Lydersen and Laake 2013, eq. 4, one-sided: the mean of the tails with and without the observed point, which continues to fractions by
    the incomplete beta function. 1 when nothing changed.
    """
    changed = worse + better
    if not changed:
        return 1.0
    return 0.5 * (_tail(worse, changed) + _tail(worse - 1.0, changed))


def _tail(hits: float, n: float) -> float:
    """P(at most `hits` of n fair coins)."""
    if hits < 0:
        return 0.0
    return 1.0 if hits >= n else float(betainc(n - hits, hits + 1.0, 0.5))


def score_bounds(gained: float, lost: float, n: float, z: float = Z_95_ONE_SIDED) -> tuple[float, float]:
    """Bounds of the difference of two paired shares, (gained - lost) / n, where the score test at z no longer rejects (Tango 1998).

    Keeps its level with few frames and few changes, where Wald's does not, and cannot leave [-1, 1] (compared in Fagerland, Lydersen and Laake 2014).
    """
    if n <= 0:
        return -1.0, 1.0
    middle = (gained - lost) / n

    def where(target: float, inside: float, outside: float) -> float:
        for _ in range(_HALVINGS):
            half = 0.5 * (inside + outside)
            inside, outside = (half, outside) if abs(_score(half, gained, lost, n)) < abs(target) else (inside, half)
        return inside

    return where(z, middle, -1.0), where(-z, middle, 1.0)


def _score(delta: float, gained: float, lost: float, n: float) -> float:
    """The score statistic of "the difference is delta": Tango 1998, its nuisance share fitted under that hypothesis in closed form."""
    if n <= 0:
        return 0.0
    b = (2.0 * n - gained + lost) * delta - gained - lost
    c = -lost * delta * (1.0 - delta)
    down = (math.sqrt(max(0.0, b * b - 8.0 * n * c)) - b) / (4.0 * n)
    variance = n * (2.0 * down + delta * (1.0 - delta))
    distance = gained - lost - n * delta
    if variance <= 1e-12:
        return math.copysign(math.inf, distance) if abs(distance) > 1e-9 else 0.0
    return distance / math.sqrt(variance)


def share_bounds(hits: float, n: float, alpha: float = 0.05) -> tuple[float, float]:
    """One-sided exact bounds (low, high) of a share of `hits` in n, each at 1 - alpha (Clopper and Pearson 1934; fractions as Korn and Graubard 1998)."""
    if n <= 0:
        return 0.0, 1.0
    low = float(betaincinv(hits, n - hits + 1.0, alpha)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1.0, n - hits, 1.0 - alpha)) if hits < n else 1.0
    return low, high


def holm(p_values: Sequence[float], alpha: float = 0.05) -> list[bool]:
    """Which hypotheses are rejected with the familywise error at most `alpha` (Holm 1979), in the order given."""
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


def rounded_up(frames: float) -> int:
    """A number of frames to two digits, up: what a person plans with. 1,546 is 1,600."""
    step = int(10 ** max(0, math.floor(math.log10(max(frames, 1.0))) - 1))
    return math.ceil(frames / step) * step
