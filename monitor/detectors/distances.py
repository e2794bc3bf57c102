"""How far current values lie from reference values: PSI, Jensen-Shannon and Wasserstein, for people to read beside an incident; no verdict rests on them.

Two forms. Exact, from two samples, binned and normed as Evidently does it, so that its figures and ours are the same. Streaming, from a histogram whose
bins the reference fixes: it keeps integers only and they add, so that any split of a stream, in any order, gives the same bits.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

STREAM_BINS: Final = 20
"""Of about equal share in the reference. The mean PSI without drift grows with the bins: about (bins - 1) (1/n + 1/m)."""
DISTINCT: Final = 20
"""Up to so many distinct values in the reference, values are counted one by one, not in ranges (as in Evidently)."""
EMPTY_SHARE: Final = 1e-4
"""What PSI takes for the share of an empty bin (as in Evidently); where a smaller share is present, a millionth of the smallest."""
LEAST_SCALE: Final = 1e-3
"""The least deviation that a Wasserstein distance is divided by (as in Evidently): a constant reference has none."""
QUANTA: Final = 1024
"""A histogram keeps values to this part of the reference's deviation: sums of whole quanta add without rounding."""
_FARTHEST: Final = 1 << 40
"""Quanta from zero at most: so that 2**22 of the farthest values still fit a 64-bit sum."""


def psi(reference: ArrayLike, current: ArrayLike) -> float:
    """Population stability index of two sets of counts in the same bins; 0 for equal shares. Symmetric. Raises ValueError without counts."""
    p, q = _filled(_shares(reference, "reference")), _filled(_shares(current, "current"))
    return float(((p - q) * np.log(p / q)).sum())


def jensen_shannon(reference: ArrayLike, current: ArrayLike) -> float:
    """Jensen-Shannon distance (the root of the divergence in nats, Lin 1991) of two sets of counts: 0 to sqrt(ln 2). Raises ValueError without counts."""
    p, q = _shares(reference, "reference"), _shares(current, "current")
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_entropy_to(p, middle) + _entropy_to(q, middle)) / 2)))


def wasserstein(reference: ArrayLike, current: ArrayLike) -> float:
    """The first Wasserstein distance of two samples over the reference's standard deviation (at least LEAST_SCALE).

    Raises ValueError for an empty sample or one with values that are not finite.
    """
    a, b = _sample(reference, "reference"), _sample(current, "current")
    return _transport(a, np.ones(len(a)), b, np.ones(len(b))) / _scale(a)


def binned(reference: ArrayLike, current: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of two samples in the same bins, for `psi` and `jensen_shannon`: Sturges' over both, or each value its own where the reference has few.

    Raises ValueError for an empty sample or one with values that are not finite.
    """
    a, b = _sample(reference, "reference"), _sample(current, "current")
    if len(np.unique(a)) <= DISTINCT:
        values, at = np.unique(np.concatenate([a, b]), return_inverse=True)
        return np.bincount(at[: len(a)], minlength=len(values)), np.bincount(at[len(a) :], minlength=len(values))
    edges = np.histogram_bin_edges(np.concatenate([a, b]), bins="sturges")
    return np.histogram(a, edges)[0], np.histogram(b, edges)[0]


def counted(reference: Iterable[str], current: Iterable[str]) -> tuple[list[int], list[int]]:
    """Counts of two samples of classes, the classes in order of name. Raises ValueError for an empty sample."""
    a, b = Counter(reference), Counter(current)
    if not a or not b:
        raise ValueError(f"the {'current' if a else 'reference'} sample is empty: a distance needs at least one value on each side")
    return [a[name] for name in sorted({*a, *b})], [b[name] for name in sorted({*a, *b})]


class Histogram(msgspec.Struct):
    """Counts of values in bins (edges[i-1], edges[i]], the first and the last open; with the sum of each bin's values in whole quanta.

    At most 2 x STREAM_BINS bins: the same memory however many values it has taken.
    """

    edges: list[float]
    quantum: float
    scale: float
    """The reference's standard deviation, at least LEAST_SCALE."""
    counts: list[int]
    sums: list[int]

    def take(self, values: ArrayLike) -> None:
        """Count values. Raises ValueError, and counts none, for an empty sample or one with values that are not finite."""
        taken = _sample(values, "current")
        at = np.searchsorted(self.edges, taken, side="left")
        quanta = np.clip(np.rint(taken / self.quantum), -_FARTHEST, _FARTHEST).astype(np.int64)
        for i, count in enumerate(np.bincount(at, minlength=len(self.counts)).tolist()):
            if count:
                self.counts[i] += count
                self.sums[i] += int(quanta[at == i].sum())

    def merge(self, other: "Histogram") -> None:
        """Add what another took. Raises ValueError when its bins are others."""
        if (other.edges, other.quantum) != (self.edges, self.quantum):
            raise ValueError("histograms of different bins do not add: make both from one reference with `empty_like`")
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]

    def empty_like(self) -> "Histogram":
        """The same bins, nothing counted."""
        return Histogram(self.edges, self.quantum, self.scale, [0] * len(self.counts), [0] * len(self.sums))

    def psi(self, current: "Histogram") -> float:
        """PSI of `current` against this reference."""
        return psi(self.counts, current.counts)

    def jensen_shannon(self, current: "Histogram") -> float:
        """Jensen-Shannon distance of `current` to this reference."""
        return jensen_shannon(self.counts, current.counts)

    def wasserstein(self, current: "Histogram") -> float:
        """Normed Wasserstein distance, with every value at its bin's mean: off by at most the mean width of the bins, and exact for a far shift."""
        (a, weights_a), (b, weights_b) = self._points("reference"), current._points("current")
        return _transport(a, weights_a, b, weights_b) / self.scale

    def _points(self, which: str) -> tuple[Floats, Floats]:
        counts = np.array(self.counts, dtype=np.float64)
        held = counts > 0
        if not held.any():
            raise ValueError(f"the {which} histogram is empty: a distance needs at least one value on each side")
        return np.array(self.sums, dtype=np.float64)[held] * self.quantum / counts[held], counts[held]


def histogram(reference: ArrayLike, bins: int = STREAM_BINS) -> Histogram:
    """A histogram of a reference sample whose bins are its quantiles. A value that fills a bin alone (a tie, a constant, a grid) gets one to itself.

    Raises ValueError for an empty sample or one with values that are not finite.
    """
    values = _sample(reference, "reference")
    quantiles = np.quantile(values, np.arange(1, bins) / bins, method="inverted_cdf")
    distinct, shares = np.unique(values, return_counts=True)
    atoms = distinct[shares * bins >= len(values)]
    edges = np.unique(np.concatenate([quantiles, atoms, np.nextafter(atoms, -np.inf)]))
    scale = _scale(values)
    made = Histogram(edges.tolist(), scale / QUANTA, scale, [0] * (len(edges) + 1), [0] * (len(edges) + 1))
    made.take(values)
    return made


def _sample(values: ArrayLike, which: str) -> Floats:
    sample = np.asarray(values, dtype=np.float64).ravel()
    if not len(sample):
        raise ValueError(f"the {which} sample is empty: a distance needs at least one value on each side")
    if bad := len(sample) - int(np.isfinite(sample).sum()):
        raise ValueError(f"the {which} sample has {bad} of {len(sample)} values that are not finite: leave them out and say so")
    return sample


def _shares(counts: ArrayLike, which: str) -> Floats:
    found = np.asarray(counts, dtype=np.float64)
    if not np.isfinite(found).all() or (found < 0).any() or not found.sum() > 0:
        raise ValueError(f"the {which} counts are {counts!r}: none may be negative, and one must be above 0")
    return np.asarray(found / found.sum())


def _filled(shares: Floats) -> Floats:
    least = float(shares[shares > 0].min())
    return np.where(shares > 0, shares, least / 1e6 if least <= EMPTY_SHARE else EMPTY_SHARE)


def _entropy_to(p: Floats, middle: Floats) -> float:
    held = p > 0
    return float((p[held] * np.log(p[held] / middle[held])).sum())


def _scale(reference: Floats) -> float:
    return max(float(np.std(reference)), LEAST_SCALE)


def _transport(a: Floats, weights_a: Floats, b: Floats, weights_b: Floats) -> float:
    """The area between two distribution functions, each a set of points with weights."""
    points = np.sort(np.concatenate([a, b]))
    return float((np.abs(_below(a, weights_a, points[:-1]) - _below(b, weights_b, points[:-1])) * np.diff(points)).sum())


def _below(values: Floats, weights: Floats, points: Floats) -> Any:
    """The weight share of `values` at or below each point."""
    order = np.argsort(values, kind="stable")
    reached = np.concatenate([[0.0], np.cumsum(weights[order])])
    return reached[np.searchsorted(values[order], points, side="right")] / reached[-1]
