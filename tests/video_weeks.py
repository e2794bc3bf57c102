"""Video cameras with four quiet weeks behind them, without living through them: the almanac that such weeks leave."""

import numpy as np

from monitor.detectors.ewma import Floats
from monitor.video import limits
from monitor.video.almanac import keep_level
from monitor.video.aspect import WEIGHT, Aspect, Records
from monitor.video.bank import State, start

WEATHER, NOISE = 0.98, 0.6
"""What a minute keeps of the one before: of the weather that peers share, and of a camera's own noise. Each is half of a residual's variance."""
PEER = 0.75
"""A peer residual's variance over the self residual's: the own half, and the error of the median of three."""


def bank_variance(keeps: float) -> Floats:
    """[S]: the variance of the exponentially weighted means of an AR(1) of variance 1."""
    kept = keeps * (1 - WEIGHT)
    return np.asarray(WEIGHT / (2 - WEIGHT) * (1 + kept) / (1 - kept))


def weeks(aspect: Aspect, level: Floats, spread: Floats, tail: Floats) -> Records:
    """The almanac [] of a camera that showed `level` [F] with deviations of `spread` [F], half of them shared with its peers, at every time of day."""
    almanac = np.zeros((), aspect.almanac)
    almanac["history"] = limits.REFERENCE
    for context in range(aspect.contexts):
        keep_level(aspect, almanac[None], np.zeros(1, int), np.array([context]), level[None])
    almanac["days"] = 20
    almanac["overall"] = [np.square(spread), np.full_like(spread, PEER)][: len(aspect.scopes)]
    almanac["spread"] = np.sqrt(almanac["overall"])
    almanac["seen"], almanac["compared"] = limits.REFERENCE // aspect.slot // aspect.bins, limits.REFERENCE // aspect.slot
    almanac["samples"] = limits.REFERENCE // aspect.slot
    variances = ((bank_variance(WEATHER) + bank_variance(NOISE)) / 2, bank_variance(NOISE))
    for p in range(len(aspect.scopes)):
        almanac["deviation"][p] = np.sqrt(variances[p][:, None])
    almanac["second"], almanac["fourth"] = 1.0, 1.5
    almanac["limit"] = limits.limits(aspect, almanac[None], tail)[0]
    return almanac


def site(aspect: Aspect, cameras: int, level: Floats, spread: Floats, tail: Floats) -> State:
    """A site of such cameras."""
    state = start(aspect, (cameras,))
    state.almanac[:] = weeks(aspect, level, spread, tail)
    return state
