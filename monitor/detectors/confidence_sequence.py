"""Intervals for a share that stay valid however often they are looked at: what a dashboard of live accuracy needs.

The beta-binomial mixture martingale (Robbins 1970; Howard et al., Time-uniform Chernoff bounds, 2021, eq. 3.1): with a uniform prior,
K_n(p) = B(1 + s, 1 + n - s) / (p^s (1 - p)^(n - s)) exceeds 1 / alpha ever, under the true p, with probability at most alpha. The same holds for the
mean p of values in [0, 1] with the sum s: each likelihood ratio is convex in the value, hence at most its chord, which is the coin's.
"""

import math
from collections.abc import Callable

from contracts.quality import Metric

_STEPS = 60
"""Bisections: 2^-60 of the interval is below float resolution."""


def interval(hits: float, n: int, alpha: float = 0.05) -> Metric:
    """The share or mean `hits / n` with its anytime-valid interval. State is the two numbers alone. Raises ValueError for n = 0 or hits outside [0, n]."""
    if n <= 0 or not 0 <= hits <= n:
        raise ValueError(f"a share needs 0 <= hits <= n and n >= 1, got {hits} of {n}")
    mixture = math.lgamma(1 + hits) + math.lgamma(1 + n - hits) - math.lgamma(2 + n)
    limit = mixture + math.log(alpha)

    def inside(p: float) -> bool:
        return _log_likelihood(hits, n, p) > limit

    value = hits / n
    return Metric(value, _edge(value, 0.0, inside), _edge(value, 1.0, inside), n)


def _log_likelihood(hits: float, n: int, p: float) -> float:
    first = hits * math.log(p) if hits and p > 0 else (0.0 if not hits else -math.inf)
    second = (n - hits) * math.log1p(-p) if n > hits and p < 1 else (0.0 if n == hits else -math.inf)
    return first + second


def _edge(inner: float, outer: float, inside: Callable[[float], bool]) -> float:
    """Where the interval ends between `inner`, which is inside, and `outer`."""
    if inside(outer):
        return outer
    for _ in range(_STEPS):
        middle = (inner + outer) / 2
        if inside(middle):
            inner = middle
        else:
            outer = middle
    return inner
