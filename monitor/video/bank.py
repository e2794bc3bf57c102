"""The block-level entry of the video channel: one minute's means of the cameras of a site in, every channel's ratio out.

`step` is all that judges: the service feeds it closed blocks, and so do simulations, and whoever computes block means elsewhere. It takes K cameras of
one site, or any stack of sites [..., K] with the same minute, and changes their records in place.

    state = start(aspect, (sites, 8))
    for minute, means in stream:                                    # means [sites, 8, F], NaN where a camera sent nothing
        ratios = step(aspect, state, means, minute, tail)           # [sites, 8, C, P]: 1 is the limit, 0 while warming
        alarms = state.live["opened"] > 0

A camera's residual is its mean's deviation from its own context in units of that context's spread; the peer residual is what is left after the median
of the site's other cameras is taken off (three are needed). Both run through the bank of exponentially weighted means. A minute without a frame leaves a
camera's bank as it is: its weights count minutes with frames, and after a gap it goes on from what it last knew.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.detectors.ewma import Floats
from monitor.video import almanac as almanacs
from monitor.video.aspect import WEIGHT, Aspect, Records, halves

CLOSE: Final = 240
"""Minutes below its limit that close an alarm."""
PEERS: Final = 3
ALLOWANCE: Final = 0.75
"""Of a limit: what the CUSUM of ratios is allowed a minute. The estimated change point is where it last left zero (Page 1954)."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class State:
    """The records [..., K] of an aspect for some cameras."""

    live: Records
    almanac: Records

    def alarmed(self) -> Flags:
        """Which cameras [..., K] have an open alarm."""
        return np.asarray((self.live["opened"] > 0).any(axis=(-1, -2)))


def start(aspect: Aspect, shape: tuple[int, ...]) -> State:
    """The records of cameras that were never seen."""
    return State(np.zeros(shape, aspect.live), np.zeros(shape, aspect.almanac))


def step(
    aspect: Aspect,
    state: State,
    means: Floats,
    minute: int,
    tail: Floats,
    frozen: Flags | None = None,
    forgiven: Flags | None = None,
) -> Floats:
    """Judge one minute. `means` [..., K, F], a row with a NaN counts as absent; `minute` since 1970; `tail` [C, P, S] as limits.tails gives it.

    `frozen` [..., K] cameras do not learn (by default those with an alarm of this aspect); `forgiven` ones learn their excursion as no alarm. Returns
    ratios [..., K, C, P].
    """
    live, almanac = state.live, state.almanac
    present: Flags = np.asarray(np.isfinite(means).all(axis=-1))
    slot = minute // aspect.slot
    frozen = state.alarmed() if frozen is None else frozen
    forgiven = np.zeros_like(present) if forgiven is None else forgiven
    _turn(aspect, state, present & (live["slot"] != slot), slot, tail, frozen, forgiven)
    live["n"] += present
    live["sum"] += np.where(present[..., None], means, 0.0)
    residuals, ripe = _residuals(aspect, state, means, present, minute)
    if not ripe.any():
        return np.array(live["ratio"])
    bank = live["bank"].astype(float)
    bank += (WEIGHT[:, None] * ripe[..., None, None]) * (residuals[..., None, :] - bank)
    live["bank"] = halves(bank, minute)
    return _judge(aspect, live, almanac, ripe, minute)


def _residuals(aspect: Aspect, state: State, means: Floats, present: Flags, minute: int) -> tuple[Floats, Flags]:
    """Residuals [..., K, P, F], and where [..., K, P] they are ripe to be judged; their squares go into the open slot."""
    live, almanac = state.live, state.almanac
    context = int(almanacs.context(aspect, minute // aspect.slot))
    days = almanac["days"][..., context]
    known = present & (days > 0)
    ripe = known & (almanac["compared"][..., 0] >= aspect.slots)  # a day of deviations gives them their unit
    spread, floor = almanacs.spread(aspect, almanac, minute), almanacs.floor(aspect)
    deviation = np.where(known[..., None], means - almanacs.level(almanac, context), 0.0)
    deviation /= np.sqrt(1 + 1 / np.maximum(days, 1))[..., None]  # a young context errs itself
    live["square"][..., 0, :] += np.square(deviation)
    live["heard"][..., 0] += known
    unit = np.maximum(spread[..., 0, :], floor)
    own = deviation / np.sqrt(unit)
    if "peer" not in aspect.scopes:
        return own[..., None, :], ripe[..., None]
    peer, several = _against_peers(own, ripe)
    live["square"][..., 1, :] += np.square(peer)
    live["heard"][..., 1] += several
    peer = peer / np.sqrt(np.maximum(spread[..., 1, :], floor / unit))
    return np.stack([own, peer], axis=-2), np.stack([ripe, several], axis=-1)


def others_median(values: Floats) -> Floats:
    """Of each camera [..., K, F] the median over the others. K at least 2."""
    n = values.shape[-2]
    ordered = np.sort(values, axis=-2)
    middle = n // 2
    if n % 2 == 0:  # an odd number is left: the middle one moves up when one below it is taken out
        low, high = ordered[..., middle - 1 : middle, :], ordered[..., middle : middle + 1, :]
        return np.where(values <= low, high, low)
    low, own, high = (ordered[..., i : i + 1, :] for i in (middle - 1, middle, middle + 1))
    return np.where(values < own, (own + high) / 2, np.where(values > own, (low + own) / 2, (low + high) / 2))


def _turn(aspect: Aspect, state: State, turning: Flags, slot: int, tail: Floats, frozen: Flags, forgiven: Flags) -> None:
    """Close the slots of cameras that are in another one now."""
    if not turning.any():
        return
    live, almanac = state.live.reshape(-1), state.almanac.reshape(-1)  # views: the records are contiguous
    every = np.flatnonzero(turning.reshape(-1))
    rows = every[~frozen.reshape(-1)[every]]
    taught = almanac[rows]
    almanacs.learn(aspect, live[rows], taught, tail, forgiven.reshape(-1)[rows])
    almanac[rows] = taught
    for name in ("n", "sum", "heard", "square", "peak"):
        live[name][every] = 0
    live["slot"][every] = slot


def _against_peers(own: Floats, known: Flags) -> tuple[Floats, Flags]:
    """Residuals [..., K, F] without what the site's others share, 0 where there are too few of them; and where there are enough [..., K]."""
    peer, several = np.zeros_like(own), np.zeros_like(known)
    if known.all():
        if own.shape[-2] <= PEERS:
            return peer, several
        return own - others_median(own), known
    for site in np.ndindex(known.shape[:-1]):
        there = known[site]
        if there.sum() > PEERS:
            peer[site][there] = own[site][there] - others_median(own[site][there])
            several[site] = there
    return peer, several


def _judge(aspect: Aspect, live: Records, almanac: Records, heard: Flags, minute: int) -> Floats:
    """Statistics over limits, and the alarms that open and close by them."""
    gathered = almanac["samples"][..., None, :, None] > 0  # [..., 1, P, 1]
    variance = np.where(gathered[..., 0, :, :, None], almanacs.variance(almanac), 1.0)
    statistic = aspect.statistics(live["bank"].astype(float), variance)
    said = heard[..., None, :]
    live["peak"] = np.maximum(live["peak"], np.where(said[..., None] & gathered, statistic, 0))
    limit = almanac["limit"]
    ratio = np.sqrt(np.where(limit > 0, statistic / np.where(limit > 0, limit, 1), 0).max(axis=-1))
    live["ratio"] = ratio = np.where(said, ratio, live["ratio"])
    excess = np.where(said, np.maximum(0, live["excess"] + ratio - ALLOWANCE), live["excess"])
    live["since"] = np.where(excess > 0, np.where(live["since"] > 0, live["since"], minute), 0)
    live["excess"] = excess
    above = said & (ratio >= 1)
    live["above"] = np.where(above, minute, live["above"])
    still = (live["opened"] > 0) & ~(said & (minute - live["above"] > CLOSE))
    live["opened"] = np.where(still, live["opened"], np.where(above, minute, 0))
    return ratio
