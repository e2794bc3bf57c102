"""A camera's image, hour by hour: the course from which a video drift's type is told, against its own history and against its peers."""

from typing import Final

import msgspec
import numpy as np

from monitor.detectors.ewma import Floats
from monitor.incidents.history import Course, History

HOUR: Final = 60
LEAST: Final = 30
"""Minutes that make an hour's point."""
POINTS: Final = 28
"""Kept of a course: 6.4 days, newest finest (history.py)."""
UNIT: Final = 4.0
"""Minutes' spreads in a history's unit: its bytes then reach 31 spreads, in quarters."""
WIDEST: Final = 31.0
"""Spreads at which a minute's residual is cut, before it is averaged: what lies beyond is as far as a course can tell."""


class Hours(msgspec.Struct, array_like=True):
    """The hours of one scope: residuals of minutes, in units of their usual spread, into an hourly point."""

    hour: int = 0
    """The open one, since 1970"""
    n: int = 0
    """Minutes in it"""
    sums: bytes = b""
    """float32 [F] of their residuals"""
    squares: float = 0.0
    """Of those, summed over the features"""
    history: History = msgspec.field(default_factory=History)

    def take(self, minute: int, residual: Floats) -> None:
        """Take a minute's residual [F]; the first of another hour closes the one before it."""
        if minute // HOUR != self.hour:
            self._close()
            self.hour = minute // HOUR
        cut = np.clip(residual, -WIDEST, WIDEST).astype(np.float32)
        self.sums = (np.frombuffer(self.sums, np.float32) + cut if self.sums else cut).tobytes()
        self.squares += float(np.square(cut, dtype=np.float64).sum())
        self.n += 1

    def course(self) -> Course:
        """The closed hours. Weather makes them resemble the hours before them."""
        return self.history.course()._replace(correlated=True)

    def _close(self) -> None:
        """The hour becomes a point: its mean residual, and the variance of its minutes in the same unit."""
        if self.n >= LEAST:
            mean = np.frombuffer(self.sums, np.float32).astype(np.float64) / self.n
            within = max(0.0, self.squares / self.n / len(mean) - float(np.square(mean).mean()))
            self.history.push((self.hour + 1) * 3600.0, mean / UNIT, within / UNIT**2, POINTS)
        self.n, self.sums, self.squares = 0, b"", 0.0
