"""A camera's course: a bounded ring of points from which a drift's type is told. One point a closed block (items) or minute or hour (video).

The newest blocks stand alone; of every weight at most PER_WEIGHT points are kept, then the two oldest of that weight become one of double weight (the
exponential histogram of Datar, Gionis, Indyk and Motwani, SIAM J. Comput. 2002). So recent time is fine, old time coarse: 48 points reach 1,530
blocks back. Values are kept in one byte each, far finer than a block's own noise: 19 bytes a point with 12 features, under 1 kB in all.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from monitor.detectors.ewma import Floats

PER_WEIGHT: Final = 6
POINTS: Final = 48
STEP: Final = 1 / 16
"""Of a deviation, in standard deviations of single frames: a block of 64 frames has a noise of 1/8."""
SPREAD_STEPS: Final = 16
"""Steps of a spread in an octave: 4 %."""


class Course(NamedTuple):
    """A history as arrays: `at` [n] Unix seconds, `weight` [n] blocks a point, `deviation` [n, d], `spread` [n], oldest first. `correlated`: a block
    resembles the ones before it, as hours of weather do."""

    at: Floats
    weight: Floats
    deviation: Floats
    spread: Floats
    correlated: bool = False


class History(msgspec.Struct, array_like=True):
    """The ring. Each field holds one array's bytes, so that saving is a copy."""

    at: bytes = b""
    """uint32 [n]: when the point's newest block closed"""
    weight: bytes = b""
    """uint16 [n]"""
    deviation: bytes = b""
    """int8 [n, d]"""
    spread: bytes = b""
    """int8 [n]"""

    def __len__(self) -> int:
        return len(self.spread)

    def push(self, at: float, deviation: Sequence[float] | Floats, spread: float, most: int = POINTS) -> None:
        """Take a closed block; `most` points are kept, the same number for the life of a history.

        `at`: Unix seconds. `deviation` [d]: how far the block's means lie from the reference, in standard deviations of single frames; d stays the
        same for the life of a history. `spread`: the mean over the same d features of the variance of frames within the block, over the
        reference's: 1 is as usual, a mixture of two regimes raises it. A point that is not finite says nothing and is left out.
        """
        values = np.asarray(deviation, np.float64)
        if not np.isfinite(values).all() or not np.isfinite(spread):
            return
        if self.spread and len(self.deviation) != len(self.spread) * len(values):
            raise ValueError(f"this history has {len(self.deviation) // len(self.spread)} features a point, got {len(values)}")
        self.at += np.uint32(max(0.0, at)).tobytes()
        self.weight += np.uint16(1).tobytes()
        self.deviation += _quantised(values / STEP)
        self.spread += _quantised(SPREAD_STEPS * np.log2(np.array([max(spread, 1e-9)])))
        self._merge(most)

    def course(self) -> Course:
        """The points as arrays."""
        n = max(1, len(self))
        return Course(
            np.frombuffer(self.at, np.uint32).astype(np.float64),
            np.frombuffer(self.weight, np.uint16).astype(np.float64),
            np.frombuffer(self.deviation, np.int8).reshape(len(self), -1 if self.spread else 0).astype(np.float64) * STEP,
            2.0 ** (np.frombuffer(self.spread, np.int8)[:n] / SPREAD_STEPS),
        )

    def _merge(self, most: int) -> None:
        """Two oldest points of a weight that has too many become one; the oldest of all are forgotten."""
        level = 1
        while True:
            weight = np.frombuffer(self.weight, np.uint16)
            same = np.flatnonzero(weight == level)
            if len(same) <= PER_WEIGHT:
                break
            self._join(int(same[0]))
            level *= 2
        if len(self) > most:
            width = len(self.deviation) // len(self)
            self.at, self.weight, self.spread = self.at[4:], self.weight[2:], self.spread[1:]
            self.deviation = self.deviation[width:]

    def _join(self, i: int) -> None:
        """Points i and i + 1, of the same weight, become one."""
        width = len(self.deviation) // len(self)
        pair = np.frombuffer(self.deviation, np.int8)[i * width : (i + 2) * width].reshape(2, width)
        spread = np.exp2(np.frombuffer(self.spread, np.int8)[i : i + 2] / SPREAD_STEPS).mean(keepdims=True)
        weight = np.frombuffer(self.weight, np.uint16)[i]
        self.deviation = self.deviation[: i * width] + _quantised(pair.mean(axis=0)) + self.deviation[(i + 2) * width :]
        self.spread = self.spread[:i] + _quantised(SPREAD_STEPS * np.log2(spread)) + self.spread[i + 2 :]
        self.weight = self.weight[: 2 * i] + np.uint16(2 * weight).tobytes() + self.weight[2 * i + 4 :]
        self.at = self.at[: 4 * i] + self.at[4 * i + 4 :]


def _quantised(values: Floats) -> bytes:
    return np.clip(np.rint(values), -127, 127).astype(np.int8).tobytes()
