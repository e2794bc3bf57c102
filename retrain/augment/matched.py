"""Which operations make old frames look like new ones: the drift as measured, turned into augmentation.

Operations are taken one after the other, each time the one that, at its best strength, takes most of what still separates the image statistics of old
frames from those of the new: a matching pursuit. The statistics are the monitor's own, so darkening is answered by gamma and not also by what darkening
does to contrast and sharpness.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels, measure
from contracts.statistics import NUMERIC, vector
from retrain.augment.operations import OPERATIONS, Frame, Range
from retrain.augment.pixels import carried_out
from retrain.augment.spec import OperationSpec

CANDIDATES: Final = (
    "gamma",
    "brightness",
    "contrast",
    "fog",
    "blur",
    "motion_blur",
    "sharpen",
    "noise",
    "saturation",
    "warmth",
    "tint",
    "jpeg",
)
"""What can move the statistics of a whole frame. Where two take as much, the earlier one is kept."""
FRAMES: Final = 12
"""Old frames that the operations are tried on, evenly from all that are given."""
_MOST: Final = 3
_MOVED: Final = 0.5
"""Standard deviations of single old frames by which a statistic must have moved to be matched: less is seen every day."""
_TAKES: Final = 0.25
"""Of the squared distance that is left, what an operation must take to be worth it."""
_LEAST_SPREAD: Final = np.array([2.0, 1.0, 0.1, 0.1, 0.1, 0.02, 0.02, 0.02, 0.02, 0.02])
"""In the order of NUMERIC (sharpness and noise: natural logarithm): a statistic that was constant must not outweigh all others."""
_COARSE: Final = (0.04, 0.16, 0.36, 0.64, 1.0)
"""Shares of its widest magnitude that each operation is tried at first: squares, since weak ones are the likelier."""
_PROMISING: Final = 4
_STEPS: Final = 8
_GOLDEN: Final = (5**0.5 - 1) / 2
_LOGARITHMIC: Final = [NUMERIC.index(name) for name in ("sharpness", "noise")]
"""Positive statistics that spread over decades, compared by their ratio as the monitor does."""

Floats = NDArray[np.float64]


def matched(frames: Sequence[Pixels], old: NDArray[np.float32], new: NDArray[np.float32]) -> tuple[OperationSpec, ...]:
    """At most three operations, the strongest first, with magnitudes from 0 to what brings old frames to where the new ones are.

    `frames` are prepared old frames, `old` [N, 10] and `new` [M, 10] the statistics (contracts.statistics.NUMERIC) of all old and all new ones, N >= 2.
    Empty when no statistic moved by half a standard deviation, and when nothing here explains what moved. Same input, same answer.
    """
    before, after = _levelled(old), _levelled(new)
    spread = np.maximum(before.std(axis=0, ddof=1), _LEAST_SPREAD)
    current = [frames[i] for i in np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).astype(int)]
    target = _seen(current, spread) + (after.mean(axis=0) - before.mean(axis=0)) / spread
    found: list[OperationSpec] = []
    while len(found) < _MOST:
        away = _seen(current, spread) - target
        if np.abs(away).max() < _MOVED:
            break
        left, name, magnitude = _best(
            [name for name in CANDIDATES if name not in {one.name for one in found}], _Distance(current, target, spread)
        )
        if left > (1 - _TAKES) * float(np.square(away).sum()):
            break
        found.append(OperationSpec(name, magnitude=Range(min(0.0, magnitude), max(0.0, magnitude))))
        current = _applied(name, magnitude, current)
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Distance:
    """From what an operation makes of `frames` to `target` [10], in standard deviations of single old frames."""

    frames: Sequence[Pixels]
    target: Floats
    spread: Floats

    def left(self, name: str, magnitude: float) -> float:
        """Squared, summed over the statistics."""
        return float(np.square(_seen(_applied(name, magnitude, self.frames), self.spread) - self.target).sum())


def _best(names: Sequence[str], distance: _Distance) -> tuple[float, str, float]:
    """What is left, by which operation at which magnitude: all are tried at a few magnitudes, the most promising then finely."""
    tried = []
    for place, name in enumerate(names):
        for end in (end for end in OPERATIONS[name].widest if end):
            coarse = [distance.left(name, end * share) for share in _COARSE]
            tried.append((min(coarse), place, end, int(np.argmin(coarse))))
    finely = []
    for _, place, end, at in sorted(tried)[:_PROMISING]:
        low, high = (0.0, *_COARSE)[at], (*_COARSE, 1.0)[at + 1]
        left_at = partial(distance.left, names[place])
        finely.append((*_least(left_at, end * low, end * high), place))
    left, magnitude, place = min(finely, key=lambda one: (one[0], one[2]))
    return left, names[place], float(f"{magnitude:.3g}")


def _least(of: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """The least value found between two magnitudes and where, by golden-section search (Kiefer 1953)."""
    c, d = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    left, right = (of(c), c), (of(d), d)
    best = min(left, right)
    for _ in range(_STEPS):
        if left <= right:
            high, d, right = d, c, left
            c = high - _GOLDEN * (high - low)
            left = of(c), c
        else:
            low, c, left = c, d, right
            d = low + _GOLDEN * (high - low)
            right = of(d), d
        best = min(best, left, right)
    return best


def _applied(name: str, magnitude: float, frames: Sequence[Pixels]) -> list[Pixels]:
    """The same directions and noise for each magnitude, so that the search compares like with like."""
    draw, found = OPERATIONS[name].draw, []
    for number, image in enumerate(frames):
        random = np.random.Generator(np.random.Philox(key=np.array([0, number], dtype=np.uint64)))
        found.append(carried_out([draw(magnitude, Frame(image.shape[1], image.shape[0]), random)], image) if magnitude else image)
    return found


def _seen(frames: Sequence[Pixels], spread: Floats) -> Floats:
    """The frames' mean statistics [10], in standard deviations of single old frames."""
    statistics = np.array([vector(measure(image)[0]) for image in frames], dtype=np.float32)
    return np.asarray(_levelled(statistics).mean(axis=0) / spread)


def _levelled(statistics: NDArray[np.float32]) -> Floats:
    watched = statistics.astype(np.float64)
    watched[:, _LOGARITHMIC] = np.log(1e-3 + np.maximum(0, watched[:, _LOGARITHMIC]))
    return watched
