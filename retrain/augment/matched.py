"""Which operations make old frames look like new ones: the drift as measured, turned into augmentation.

What each operation does alone to the image statistics of old frames is looked up first; sums of up to three such moves say which together may take the
most of what separates old frames from new ones, and the most promising are fitted to the frames themselves. The statistics are the monitor's own, so
darkening is answered by gamma and not also by what darkening does to contrast and sharpness.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels, measure
from contracts.statistics import NUMERIC, vector
from retrain.augment.changes import fused
from retrain.augment.operations import OPERATIONS, Frame, Range
from retrain.augment.pixels import carried_out
from retrain.augment.spec import OperationSpec

CANDIDATES: Final = (
    "gamma",
    "brightness",
    "contrast",
    "fog",
    "saturation",
    "warmth",
    "tint",
    "blur",
    "motion_blur",
    "sharpen",
    "noise",
    "jpeg",
)
"""What can move the statistics of a whole frame, in the order in which it happens in a camera: light, lens, sensor, coding."""
FRAMES: Final = 12
"""Old frames that the operations are tried on, evenly from all that are given."""
_MOST: Final = 3
_MOVED: Final = 0.5
"""Standard deviations of single old frames by which a statistic must have moved to be matched: less is seen every day."""
_TAKES: Final = 0.25
"""Of the squared distance that is left, what an operation must take to be worth it."""
_LEAST_SPREAD: Final = np.array([2.0, 1.0, 0.1, 0.1, 0.1, 0.02, 0.02, 0.02, 0.02, 0.02])
"""In the order of NUMERIC (sharpness and noise: natural logarithm): a statistic that was constant must not outweigh all others."""
_COARSE: Final = (0.01, 0.04, 0.09, 0.16, 0.25, 0.36, 0.64, 1.0)
"""Shares of its widest magnitude at which each operation is looked up: squares, since weak ones are the likelier."""
_BEAM: Final = 2_000
"""Combinations that are extended by another operation."""
_PROMISING: Final = 4
"""Combinations that are fitted for each number of operations."""
_AROUND: Final = 0.15
"""Of the root of that share: what is searched on both sides of a magnitude of the table."""
_SWEEPS: Final = 2
_STEPS: Final = 7
"""Of the golden-section search for one magnitude: it ends within a thirtieth of where it began."""
_GOLDEN: Final = (5**0.5 - 1) / 2
_LOGARITHMIC: Final = [NUMERIC.index(name) for name in ("sharpness", "noise")]
"""Positive statistics that spread over decades, compared by their ratio as the monitor does."""

Floats = NDArray[np.float64]
Strengths = dict[str, float]
"""Magnitudes by operation, in the order of CANDIDATES."""


def matched(frames: Sequence[Pixels], old: NDArray[np.float32], new: NDArray[np.float32]) -> tuple[OperationSpec, ...]:
    """At most three operations, in the order of CANDIDATES, with magnitudes from 0 to what brings old frames to where the new ones are.

    `frames` are prepared old frames, `old` [N, 10] and `new` [M, 10] the statistics (contracts.statistics.NUMERIC) of all old and all new ones, N >= 2.
    As few as explain what moved: another is taken only while a statistic is half a standard deviation away, and if it takes a quarter of what is left. So
    none where nothing moved, and none where nothing here explains it. Same input, same answer.
    """
    before, after = _levelled(old), _levelled(new)
    spread = np.maximum(before.std(axis=0, ddof=1), _LEAST_SPREAD)
    shown = [frames[i] for i in np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).astype(int)]
    target = _seen(shown, spread) + (after.mean(axis=0) - before.mean(axis=0)) / spread
    distance = _Distance(shown, target, spread)
    found: Strengths = {}
    away = whole = distance.away(found)
    table = _looked_up(distance, whole) if np.abs(whole).max() >= _MOVED else []
    for number in range(1, _MOST + 1):
        if np.abs(away).max() < _MOVED:
            break
        better = min((_fitted(distance, start) for start in _promising(table, whole, number)), key=distance.squared)
        if distance.squared(better) <= (1 - _TAKES) * float(np.square(away).sum()):
            found, away = better, distance.away(better)
    return tuple(OperationSpec(name, magnitude=Range(min(0.0, m), max(0.0, m))) for name, m in found.items())


@dataclass(frozen=True, slots=True, eq=False)
class _Distance:
    """From what operations make of `frames` to `target` [10], in standard deviations of single old frames."""

    frames: Sequence[Pixels]
    target: Floats
    spread: Floats

    def away(self, strengths: Strengths) -> Floats:
        """By statistic, [10]."""
        return _seen(_applied(strengths, self.frames), self.spread) - self.target

    def squared(self, strengths: Strengths) -> float:
        """Squared, summed over the statistics."""
        return float(np.square(self.away(strengths)).sum())


def _looked_up(distance: _Distance, whole: Floats) -> list[tuple[str, float, Floats]]:
    """Each operation at some magnitudes with what it moves, [10]."""
    ends = [(name, end) for name in CANDIDATES for end in OPERATIONS[name].widest if end]
    tried = [(name, end * share) for name, end in ends for share in _COARSE]
    return [(name, magnitude, distance.away({name: magnitude}) - whole) for name, magnitude in tried]


def _promising(table: Sequence[tuple[str, float, Floats]], whole: Floats, number: int) -> list[Strengths]:
    """The combinations of so many different operations whose moves, added up, leave least; each at its best magnitudes on the table."""
    moves, count = np.array([move for _, _, move in table]), len(table)
    left, rows = whole[None], np.zeros((1, 0), dtype=np.int64)
    for _ in range(number):
        rows = np.column_stack([np.repeat(rows, count, axis=0), np.tile(np.arange(count), len(rows))])
        left = (left[:, None] + moves).reshape(-1, len(whole))
        order = np.argsort(np.square(left).sum(axis=1), kind="stable")[:_BEAM]
        left, rows = left[order], rows[order]
    found: dict[frozenset[str], Strengths] = {}
    for combination in np.sort(rows, axis=1):
        strengths = {table[row][0]: table[row][1] for row in combination}
        if len(strengths) == number:
            found.setdefault(frozenset(strengths), strengths)
    return list(found.values())[:_PROMISING]


def _fitted(distance: _Distance, start: Strengths) -> Strengths:
    """The magnitudes that leave least on the frames: one after the other, each between its neighbours on the table, twice."""
    found = dict(start)
    for _ in range(_SWEEPS):
        for name, at in found.items():
            end = OPERATIONS[name].widest.high if at > 0 else OPERATIONS[name].widest.low
            share = (at / end) ** 0.5
            low, high = (end * min(1.0, max(0.0, share + step)) ** 2 for step in (-_AROUND, _AROUND))
            found[name] = float(f"{_least(lambda m, name=name: distance.squared({**found, name: m}), low, high):.3g}")  # type: ignore[misc]
    return found


def _least(of: Callable[[float], float], low: float, high: float) -> float:
    """Where the least value lies between two magnitudes, by golden-section search (Kiefer 1953)."""
    c, d = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    left, right = of(c), of(d)
    for _ in range(_STEPS):
        if left <= right:
            high, d, right = d, c, left
            c = high - _GOLDEN * (high - low)
            left = of(c)
        else:
            low, c, left = c, d, right
            d = low + _GOLDEN * (high - low)
            right = of(d)
    return c if left <= right else d


def _applied(strengths: Strengths, frames: Sequence[Pixels]) -> list[Pixels]:
    """The same directions and noise for each magnitude, so that the search compares like with like."""
    found = []
    for number, image in enumerate(frames):
        random, frame = (
            np.random.Generator(np.random.Philox(key=np.array([0, number], dtype=np.uint64))),
            Frame(image.shape[1], image.shape[0]),
        )
        found.append(carried_out(fused([OPERATIONS[name].draw(m, frame, random) for name, m in strengths.items() if m]), image))
    return found


def _seen(frames: Sequence[Pixels], spread: Floats) -> Floats:
    """The frames' mean statistics [10], in standard deviations of single old frames."""
    statistics = np.array([vector(measure(image)[0]) for image in frames], dtype=np.float32)
    return np.asarray(_levelled(statistics).mean(axis=0) / spread)


def _levelled(statistics: NDArray[np.float32]) -> Floats:
    watched = statistics.astype(np.float64)
    watched[:, _LOGARITHMIC] = np.log(1e-3 + np.maximum(0, watched[:, _LOGARITHMIC]))
    return watched
