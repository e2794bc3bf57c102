"""From a budget of false alarms to each statistic's limit: the tail that each may use, and the quantile of a deviation whose error was estimated.

h = max(quantile at p, 1.15 x the worst excursion of the reference), per channel, scope and scale. The error of a scale is known from few independent
pieces of history, so the quantile is Student's (F for a distance); their number follows from the scale and the correlation time, which the bank's own
variances tell.
"""

from typing import Final

import numpy as np
from scipy.special import fdtri, stdtrit

from monitor.detectors.ewma import Floats
from monitor.video.aspect import DAY, SCALES, Aspect, Records

MINUTES_A_MONTH: Final = 30 * DAY
SAFETY: Final = 0.5
"""Of the promised budget that limits are calibrated to: the tail is a model's, and the benchmark must hold with its interval."""
WORST: Final = 1.15
LENGTHS: Final = 14
"""A scale is judged when the history is so many times as long."""
LEARNING: Final = 5 * DAY
"""Minutes until contexts and spreads are known well enough that the bank's variance may be gathered."""
WARMING: Final = 7 * DAY
"""Minutes of history before the first verdict."""
REFERENCE: Final = 28 * DAY
"""Minutes of history that make the reference whole."""
ACCEPTED: Final = 7 * DAY
"""Minutes that an alarm stays open before its camera learns again: what a week of incident did not bring back is how things are now."""
_CLUSTER: Final = 50.0
"""An excursion of a mean over L minutes beyond 5 errors lasts L / 50 minutes (L / 2 h^2, Ornstein-Uhlenbeck): so many crossings are one alarm."""
_LIKELIEST: Final = 0.01
"""Of a tail, whatever the budget: the quantiles above are over one error, so that no limit is a zero's rounding, however little the history moved."""
_SCALES: Final = np.array(SCALES, float)


def tails(aspect: Aspect, budget: float) -> Floats:
    """The probability [C, P, S] with which each statistic may cross its limit in a minute without drift. `budget`: false alarms of this aspect of a
    camera a month, split evenly over its statistics and their features."""
    minute = SAFETY * budget / aspect.tests / MINUTES_A_MONTH * np.maximum(1, _SCALES / _CLUSTER)
    looks = np.array([c.columns.stop - c.columns.start if c.statistic == "largest" else 1 for c in aspect.channels])
    tail = np.minimum(minute / looks[:, None], _LIKELIEST)
    return np.broadcast_to(tail[:, None], (len(looks), len(aspect.scopes), len(SCALES))).copy()


def limits(aspect: Aspect, almanac: Records, tail: Floats) -> Floats:
    """The limits [..., C, P, S] of squared statistics that an almanac's history supports; 0 where it is too short."""
    gathered = almanac["samples"] * float(aspect.slot)  # [..., P] minutes
    variance = np.square(almanac["deviation"], dtype=float)
    inflation = _SCALES[:, None] * variance / np.maximum(variance[..., :1, :], 1e-30)
    seen = (gathered[..., None] >= LENGTHS / 2 * _SCALES)[..., None]
    memory = np.where(seen, inflation, 1.0).max(axis=-2)  # [..., P, F] minutes: the integrated correlation time
    found = []
    for c, channel in enumerate(aspect.channels):
        tau = memory[..., channel.columns].max(axis=-1)
        freedom = np.maximum(1.0, 2 * gathered[..., None] / (_SCALES + tau[..., None]))  # [..., P, S]
        second, fourth = (almanac[name][..., c, :, :].astype(float) for name in ("second", "fourth"))
        if channel.statistic == "distance":
            shape = (
                2 * second**2 / np.maximum(fourth - second**2, 1e-12)
            )  # Satterthwaite 1946: the chi-square with these two moments
            shape = np.clip(shape, 1.0, channel.columns.stop - channel.columns.start)
            quantile = np.maximum(second, 1.0) * fdtri(shape, freedom, 1 - tail[c])
        else:
            sides = 1 if channel.statistic == "drop" else 2
            quantile = np.square(stdtrit(freedom, tail[c] / sides))
        found.append(np.maximum(quantile, WORST**2 * almanac["worst"][..., c, :, :]))
    reach = (gathered + LEARNING)[..., None]
    ready = (reach >= WARMING) & (reach >= LENGTHS * _SCALES) & (gathered[..., None] > 0)
    return np.where(ready[..., None, :, :], np.stack(found, axis=-3), 0.0)
