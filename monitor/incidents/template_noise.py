"""What a course varies by beside its drift: independent blocks, or hours of weather, each of which resembles the ones before it.

Weather is an AR(1) of the hour: templates are fitted by generalised least squares (Prais and Winsten 1954), and what an hour keeps of the one before is
chosen from KEEPS by the likelihood, for each template on its own. So a slow swing has to be less likely as weather than as a drift to be called one.
"""

from typing import Final, Protocol

import numpy as np

from monitor.detectors.ewma import Floats
from monitor.incidents.history import Course

FLOOR: Final = 1e-3
"""Of a mean, in standard deviations of single frames: the rounding of a history."""
KEEPS: Final = (0.0, 0.3, 0.6, 0.8, 0.9, 0.96)
"""Of an hour, in the next one: up to a memory of a day."""


class Noise(Protocol):
    """How well templates explain a series."""

    def bic(self, series: Floats, shapes: Floats, parameters: int) -> Floats:
        """The BIC [m] of level + height x shape for each shape [m, n], heights at or below zero left as the level alone."""
        ...


class Independent:
    """Blocks that tell nothing of each other: a point of w blocks has a w-th of a block's variance."""

    def __init__(self, weight: Floats) -> None:
        self._weight = weight / weight.sum()

    def bic(self, series: Floats, shapes: Floats, parameters: int) -> Floats:
        """See Noise."""
        w = self._weight
        y = series - series @ w
        p = shapes - (shapes @ w)[:, None]
        covariance, variance = (p * w) @ y, (p * p) @ w
        explained = np.where((covariance > 0) & (variance > 0), covariance**2 / np.where(variance > 0, variance, 1.0), 0.0)
        rss = np.maximum(0.0, (y * y) @ w - explained) + FLOOR**2
        n = len(series)
        return np.asarray(n * np.log(rss) + parameters * np.log(n))


class Weather:
    """Blocks of which each keeps a share of the one before."""

    def __init__(self, weight: Floats, keep: float) -> None:
        blocks = np.repeat(np.arange(len(weight)), weight.astype(int))
        when = np.arange(len(blocks))
        share = (blocks == np.arange(len(weight))[:, None]) / weight[:, None]
        covariance = share @ np.power(keep, np.abs(when[:, None] - when)) @ share.T
        root = np.linalg.cholesky(covariance)
        self._whiten = np.linalg.inv(root)
        self._level = self._whiten.sum(axis=1) / np.linalg.norm(self._whiten.sum(axis=1))
        self._volume = 2 * float(np.log(np.diag(root)).sum())

    def bic(self, series: Floats, shapes: Floats, parameters: int) -> Floats:
        """See Noise."""
        y, p = self._without_level(series[None])[0], self._without_level(shapes)
        covariance, variance = p @ y, np.square(p).sum(axis=1)
        explained = np.where((covariance > 0) & (variance > 1e-9), covariance**2 / np.maximum(variance, 1e-9), 0.0)
        n = len(series)
        rss = np.maximum(0.0, y @ y - explained) / n + FLOOR**2
        return np.asarray(n * np.log(rss) + self._volume + parameters * np.log(n))

    def _without_level(self, series: Floats) -> Floats:
        white = series @ self._whiten.T
        return np.asarray(white - (white @ self._level)[:, None] * self._level)


def of(course: Course) -> tuple[Noise, ...]:
    """What a course may vary by."""
    return tuple(Weather(course.weight, keep) for keep in KEEPS) if course.correlated else (Independent(course.weight),)
