"""Stationary streams as cameras give them: nothing drifts, but neighbours resemble each other. Every figure from them is a false alarm.

Brightness is a slow Ornstein-Uhlenbeck level (clouds, people, exposure control) under independent sensor noise, rounded as a statistic is. Errors come
in bursts. Minutes follow the hour and the weather. Objects on a line come in lots.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from contracts.statistics import NUMERIC

Floats = NDArray[np.float64]
FRAMES_A_SECOND: Final = 10
FRAMES_A_DAY: Final = 86_400 * FRAMES_A_SECOND
MINUTES_A_DAY: Final = 1440
FRAMES_A_MINUTE: Final = 60 * FRAMES_A_SECOND
LEVEL: Final = np.array([118.0, 42.0, 6.0, 0.7, 7.2, 0.22, 1.02, 0.97, 0.02, 0.015])
"""A usual scene's statistics, in the order of NUMERIC; sharpness and noise as logarithms, as they are watched."""
SLOW: Final = np.array([4.0, 1.5, 0.08, 0.06, 0.05, 0.01, 0.008, 0.008, 0.004, 0.003])
"""Standard deviation of the slow part."""
NOISE: Final = SLOW / 10
assert len(LEVEL) == len(NUMERIC)


def ar(rho: float, length: int, width: int, rng: np.random.Generator) -> Floats:
    """A stationary AR(1) process [length, width] of unit variance."""
    shocks = rng.standard_normal((length, width)) * np.sqrt(1 - rho**2)
    shocks[0] /= np.sqrt(1 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], shocks, axis=0))


def brightness(rho: float, rng: np.random.Generator) -> Floats:
    """A camera-day of luma means [FRAMES_A_DAY] at 10 frames a second, `rho` from frame to frame, rounded to a tenth of a grey level."""
    slow = ar(rho, FRAMES_A_DAY, 1, rng)[:, 0]
    return np.asarray((LEVEL[0] + SLOW[0] * slow + NOISE[0] * rng.standard_normal(FRAMES_A_DAY)).round(1))


def minute_means(rho: float, days: int, cameras: int, rng: np.random.Generator) -> Iterator[Floats]:
    """The minute means [cameras, 10] of `days` of such a process for all ten statistics, drawn exactly from their joint law with the process.

    Over n frames x_n = rho^n x_0 + e, and their mean is a x_0 + m, with (e, m) normal; the rounding averages out.
    """
    n = FRAMES_A_MINUTE
    powers = rho ** np.arange(n)
    to_end = powers[::-1] * np.sqrt(1 - rho**2)
    to_mean = np.cumsum(powers)[::-1] * np.sqrt(1 - rho**2) / n
    covariance = np.array([[to_end @ to_end, to_end @ to_mean], [to_end @ to_mean, to_mean @ to_mean]])
    factor = np.linalg.cholesky(covariance)
    x = rng.standard_normal((cameras, len(NUMERIC)))
    for _ in range(days * MINUTES_A_DAY):
        end, mean = np.tensordot(factor, rng.standard_normal((2, *x.shape)), axes=1)
        level = np.sum(powers * rho) / n * x + mean
        yield LEVEL + SLOW * level + NOISE / np.sqrt(n) * rng.standard_normal(x.shape)
        x = powers[-1] * rho * x + end


def risks(length: int, rng: np.random.Generator, low: float = 0.03, high: float = 0.28, spell: int = 300) -> tuple[Floats, Floats]:
    """The risk of a wrong answer frame by frame, 8 % on average, as spells: where each ends, and its risk. `low`, and `high` in spells of about `spell`
    frames: a hard object stands before the lens."""
    share = (0.08 - low) / (high - low)
    lasts = np.array([spell * (1 - share) / share, spell])
    pairs = int(2 * length / lasts.sum()) + 20
    spells = np.column_stack([rng.geometric(1 / lasts[0], pairs), rng.geometric(1 / lasts[1], pairs)]).ravel()
    skip = int(rng.integers(0, 10))
    return np.cumsum(spells[skip:]).astype(float), np.tile([low, high], pairs)[skip:]


def errors(at: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the frames `at` these numbers are answered wrongly."""
    ends, risk = risks(int(at[-1]) + 1, rng)
    return np.asarray(rng.random(len(at)) < risk[np.searchsorted(ends, at, side="right")])


def weather_minutes(days: int, rng: np.random.Generator) -> Floats:
    """Luma by minute [days * 1440]: day and night, days that are brighter or darker (0.6 from one to the next), clouds that last an hour."""
    minute = np.arange(days * MINUTES_A_DAY)
    day = np.clip(np.sin((minute / MINUTES_A_DAY - 0.25) * 2 * np.pi), 0, None)
    of_day = np.repeat(ar(0.6, days, 1, rng)[:, 0], MINUTES_A_DAY)
    clouds = ar(np.exp(-1 / 60), len(minute), 1, rng)[:, 0]
    return np.asarray(30 + day * (100 + 14 * of_day + 12 * clouds) + rng.normal(0, 0.8, len(minute)))


def lots(length: int, rng: np.random.Generator, axes: int = 8, lot: int = 25) -> tuple[Floats, Floats, Floats]:
    """Objects of a line one after another: statistics [n, 10], embedding [n, axes] and two probabilities [n, 2]; half of the variance belongs to the lot."""
    rho = 1 - 1 / lot
    width = len(NUMERIC) + axes + 1
    mixed = np.sqrt(0.5) * (ar(rho, length, width, rng) + rng.standard_normal((length, width)))
    statistics = LEVEL + SLOW * mixed[:, : len(NUMERIC)]
    statistics[:, [NUMERIC.index("sharpness"), NUMERIC.index("noise")]] = np.exp(
        statistics[:, [NUMERIC.index("sharpness"), NUMERIC.index("noise")]]
    )
    sure = 1 / (1 + np.exp(-3 * mixed[:, -1]))
    return np.maximum(statistics, 0), mixed[:, len(NUMERIC) : -1], np.column_stack([sure, 1 - sure])
