"""What is watched of a camera together: features with their channels, and the shape of the state that watching them needs.

A camera's minutes have up to four aspects: its `image` statistics, the model's `answers`, the `embedding` and its Fourier `kernel`. The image belongs to
the camera and the pixels that it was measured on, the others to the camera and the version. State is a record of fixed size, so that a site's cameras
are one array, and saving is copying. Numbers are kept no finer than what is judged by them needs: most in two bytes. `halves` rounds those that move in
smaller steps than two bytes can tell.

Arrays below: K cameras, F features, C channels, P scopes (self, then peer), S scales, B bins of the day.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from monitor.detectors import ewma
from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Family, Scope

Records = NDArray[np.void]
"""Structured arrays [..., K] of an aspect's `live` or `almanac` type."""
Whole = NDArray[np.int64]
Statistic = Literal["largest", "distance", "drop"]
"""Of the features' deviations in standard errors: the largest, the root mean square (MEWMA with a diagonal covariance), or one feature's fall."""

SCALES: Final = (1, 10, 60, 480, 1440, 2880)
"""Minutes: one answers to a step, two days gather what creeps."""
WEIGHT: Final = ewma.weights(SCALES)
LARGEST_F16: Final = 6e4
_BITS, _LEAST = 11, -24
"""Of a float16: the significant bits, and the power of two that is its least step."""
_GOLDEN: Final = (np.sqrt(5) - 1) / 2
DAY: Final = 1440
"""Minutes of a day."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One way of looking at an aspect: its columns among the features, and its statistic."""

    name: str
    family: Family
    columns: slice
    statistic: Statistic


@dataclass(frozen=True)
class Aspect:
    """Features that are judged together. `floor` [F]: a change that nobody is called for, in each feature's unit. `slot` is a context's length in
    minutes, `bin` the hours of the day that share a spread; `weekends` have contexts of their own."""

    name: str
    features: tuple[str, ...]
    floor: tuple[float, ...]
    channels: tuple[Channel, ...]
    scopes: tuple[Scope, ...] = ("self", "peer")
    slot: int = 15
    bin: int = 1
    weekends: bool = True

    @property
    def contexts(self) -> int:
        """Slots of a day, on working days and at weekends."""
        return (1 + self.weekends) * self.slots

    @property
    def bins(self) -> int:
        """Of the day, each with its spread."""
        return 24 // self.bin

    @property
    def slots(self) -> int:
        """Slots of a day."""
        return DAY // self.slot

    @property
    def tests(self) -> int:
        """Statistics a minute: what the budget is split over."""
        return len(self.channels) * len(self.scopes) * len(SCALES)

    @cached_property
    def live(self) -> np.dtype[Any]:
        """What changes with each minute."""
        f, c, p, s = len(self.features), len(self.channels), len(self.scopes), len(SCALES)
        return np.dtype(
            [
                ("slot", "i4"),  # the open slot, counted from 1970
                ("n", "i4"),  # minutes in it
                ("sum", "f4", (f,)),
                ("heard", "i4", (p,)),  # minutes in it with a residual
                ("square", "f4", (p, f)),  # of those
                ("bank", "f2", (p, s, f)),
                ("peak", "f4", (c, p, s)),  # the slot's highest squared statistics
                ("ratio", "f4", (c, p)),
                ("excess", "f4", (c, p)),  # CUSUM of the ratios
                ("since", "i4", (c, p)),  # the minute in which it last left zero
                ("opened", "i4", (c, p)),  # the minute in which the alarm opened, 0 while it is closed
                ("above", "i4", (c, p)),  # the last minute at or above the limit
            ]
        )

    @cached_property
    def almanac(self) -> np.dtype[Any]:
        """What changes with each slot: the camera's own history."""
        f, c, p, s = len(self.features), len(self.channels), len(self.scopes), len(SCALES)
        return np.dtype(
            [
                ("history", "i4"),  # minutes learnt from
                ("unit", "f4", (f,)),  # of the table
                ("table", "i2", (self.contexts, f)),  # the context means
                ("days", "u1", (self.contexts,)),  # that each context's mean rests on
                ("spread", "f2", (self.bins, p, f)),  # root mean square residual of a minute, by bin of the day
                ("seen", "u1", (self.bins, p)),  # slots that it rests on, 255 for more
                ("overall", "f4", (p, f)),  # mean squared residual over the whole day
                ("compared", "i4", (p,)),
                ("deviation", "f2", (p, s, f)),  # of the bank: its standard deviation
                ("samples", "i4", (p,)),
                ("second", "f4", (c, p, s)),  # moments of the statistic: E T^2
                ("fourth", "f4", (c, p, s)),  # E T^4
                ("worst", "f4", (c, p, s)),  # the highest squared statistic of the reference
                ("limit", "f4", (c, p, s)),  # of the squared statistic, 0 while the scale warms
            ]
        )

    def statistics(self, bank: Floats, variance: Floats) -> Floats:
        """Squared statistics [..., C, P, S] of a bank [..., P, S, F]."""
        found = []
        for channel in self.channels:
            moved = bank[..., channel.columns]
            if channel.statistic == "drop":
                moved = np.minimum(moved, 0)
            squares = np.square(moved) / variance[..., channel.columns]
            found.append(squares.mean(axis=-1) if channel.statistic == "distance" else squares.max(axis=-1))
        return np.stack(found, axis=-3)


def halves(values: Floats, turn: Whole | int) -> NDArray[np.float16]:
    """Values [..., P, S, F] as float16, rounded up in as many of the turns ([...], whole numbers that count up) as they are nearer to the upper neighbour:
    nothing is lost over the turns, however small the steps in which they move. The golden ratio's multiples spread the turns evenly (Weyl, 1916)."""
    values = np.clip(values, -LARGEST_F16, LARGEST_F16)
    p, s, f = values.shape[-3:]
    own = np.arange(p * s * f).reshape(p, s, f) * np.sqrt(2)
    share = (np.asarray(turn)[..., None, None, None] * _GOLDEN + own) % 1
    gap = np.ldexp(1.0, np.maximum(np.frexp(values)[1] - _BITS, _LEAST))
    return np.asarray(np.floor(values / gap + share) * gap, np.float16)
