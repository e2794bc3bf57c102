"""Simulated camera sites: eight cameras that share weather and the week, each with its own scene, loadings and noise.

The description that MONITORING.md's figures rest on, made here from scratch. A minute's mean of a feature is

    base + amplitude x daylight + busy x activity + (0.3 + 0.7 daylight) x loadings . weather + noise

with weather = three Ornstein-Uhlenbeck processes of the site (3, 6 and 12 hours), loadings that differ by 15 % between the cameras of a site, daylight a
smooth curve of the hour, activity two peaks on working days and a low one at weekends, noise an AR(1) of the minute (0.5 to 0.9), half as large as the
weather. Shares of clipped pixels cannot be negative and are zero for much of the day. Embedding axes and answers follow the same weather and activity;
the minute's Fourier features are the exact expectation for frames that scatter by one standard deviation around the minute's axes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from monitor.video import aspects
from monitor.video.aspect import DAY, Aspect

Floats = NDArray[np.float64]
CAMERAS: Final = 8
AXES: Final = 8
WAVES: Final = 16
LABELS: Final = ("a", "b", "c")
START: Final = 19_723 * DAY  # Monday, 1 January 2024
"""The first minute, since 1970."""
WEATHER_H: Final = (3.0, 6.0, 12.0)
MISMATCH: Final = 0.15
NOISE: Final = 0.5
"""The noise's standard deviation over the weather's."""
ASPECTS: Final[tuple[Aspect, ...]] = (
    aspects.image(),
    aspects.answers(LABELS, True),
    aspects.embedding(AXES),
    aspects.kernel(WAVES),
)
#                        base, amplitude, busy, weather (standard deviations by day, in the statistic's unit)
_IMAGE: Final = np.array([
    [90.0, 60.0, 2.0, 8.0], [35.0, 12.0, 2.0, 3.0], [5.0, 0.6, 0.1, 0.3], [1.0, -0.5, 0.0, 0.15], [6.5, 0.8, 0.1, 0.15],
    [0.25, 0.1, 0.01, 0.03], [1.0, 0.05, 0.0, 0.02], [1.0, -0.08, 0.0, 0.02], [0.03, -0.06, 0.0, 0.01], [0.01, 0.02, 0.0, 0.01],
])  # fmt: skip
_ANSWERS: Final = np.array(
    [[0.6, 0.05, 0.05, 0.02], [0.25, -0.02, -0.03, 0.02], [0.88, 0.03, -0.02, 0.015], [0.3, -0.08, 0.05, 0.04]]
)
_AXES: Final = np.array([[0.0, 0.6, 0.3, 0.3]] * AXES)
_SHAPE: Final = np.concatenate([_IMAGE, _ANSWERS, _AXES])
LUMA: Final = 0


@dataclass
class Sites:
    """`sites` sites of CAMERAS cameras, made of one seed; `day` gives the minutes of the next day."""

    sites: int
    seed: int

    def __post_init__(self) -> None:
        self._rng = rng = np.random.default_rng(self.seed)
        n, f = (self.sites, CAMERAS), len(_SHAPE)
        differ = 1 + 0.2 * rng.standard_normal((*n, 4, f))
        self._base, self._amplitude, self._busy, self._spread = np.moveaxis(differ, 2, 0) * _SHAPE.T[:, None, None, :]
        self._base[..., :10] = _IMAGE[:, 0] * (1 + 0.05 * rng.standard_normal((*n, 10)))
        common = rng.standard_normal((self.sites, 1, len(WEATHER_H), f))
        common /= np.linalg.norm(common, axis=2, keepdims=True)
        self._loading = common * (1 + MISMATCH * rng.standard_normal((*n, len(WEATHER_H), f)))
        self._phi = rng.uniform(0.5, 0.9, f)
        self._weather = rng.standard_normal((self.sites, len(WEATHER_H)))
        self._noise = rng.standard_normal((*n, f))
        self._frequencies = rng.standard_normal((AXES, WAVES)) / 2.0
        self._phases = rng.uniform(0, 2 * np.pi, WAVES)
        self._day = 0

    def day(self) -> Floats:
        """Raw features of the next day [DAY, sites, CAMERAS, F]: image statistics, four of the answers, embedding axes."""
        minute = np.arange(DAY)
        daylight = 1 / (1 + np.exp(-(np.sin((minute / DAY - 0.25) * 2 * np.pi)) * 6))
        hour = minute / 60
        weekend = (self._day % 7) >= 5
        peaks = np.exp(-(((hour - 8) / 1.5) ** 2)) + np.exp(-(((hour - 17) / 2) ** 2))
        activity = 0.5 * np.exp(-(((hour - 14) / 4) ** 2)) if weekend else peaks
        weather = self._walk()
        moved = np.einsum("tsw,skwf->tskf", weather, self._loading) * (0.3 + 0.7 * daylight)[:, None, None, None]
        values = self._base + self._amplitude * daylight[:, None, None, None] + self._busy * activity[:, None, None, None]
        values += self._spread * (moved + NOISE * self._own_noise())
        values[..., 8:10] = np.maximum(0, values[..., 8:10])
        self._day += 1
        return np.asarray(values)

    def features(self, values: Floats) -> dict[str, Floats]:
        """Raw features [..., F] as the aspects watch them."""
        image, said, axes = values[..., :10], values[..., 10:14], values[..., 14:]
        a, b, confidence, entropy = np.moveaxis(said, -1, 0)
        expected = np.stack([a, b, 1 - a - b, confidence, entropy, confidence, 0.5 + 2 * (confidence - 0.88)], axis=-1)
        damped = np.exp(-np.square(self._frequencies).sum(axis=0) / 2)
        waves = np.sqrt(2 / WAVES) * damped * np.cos(axes @ self._frequencies + self._phases)
        return {"image": image, "answers": expected, "embedding": axes, "kernel": waves}

    def _walk(self) -> Floats:
        keep = np.exp(-1 / (60 * np.array(WEATHER_H)))
        shocks = self._rng.standard_normal((DAY, *self._weather.shape)) * np.sqrt(1 - keep**2)
        walked = np.stack(
            [lfilter([1], [1, -k], shocks[..., w], axis=0, zi=k * self._weather[None, :, w])[0] for w, k in enumerate(keep)],
            axis=-1,
        )
        self._weather = walked[-1]
        return np.asarray(walked)

    def _own_noise(self) -> Floats:
        shocks = self._rng.standard_normal((DAY, *self._noise.shape)) * np.sqrt(1 - self._phi**2)
        walked = np.stack(
            [lfilter([1], [1, -p], shocks[..., f], axis=0, zi=p * self._noise[None, ..., f])[0] for f, p in enumerate(self._phi)],
            axis=-1,
        )
        self._noise = walked[-1]
        return np.asarray(walked)
