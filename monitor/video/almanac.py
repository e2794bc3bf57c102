"""A camera's own history in constant space: what each time of day usually shows, how much it varies, and how far the bank strays without drift.

It learns at the end of each slot (15 minutes or an hour), from the slot as a whole: a drift cannot adapt within it. Each slot is compared with the table
learnt before it, so every deviation, variance and excursion here is out of fold by construction (prequential: Dawid, 1984).
While an alarm of the camera is open it does not learn. Contexts go on averaging over about four weeks; excursions are gathered for the first four.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.detectors.ewma import Floats
from monitor.video import limits
from monitor.video.aspect import DAY, LARGEST_F16, SCALES, Aspect, Records, Whole, halves

KEPT: Final = (20, 8)
"""Days that a context's mean remembers: four weeks of working days, of weekends."""
STEP: Final = 1 / 128
"""Of a floor, the table's unit. Learning at a twentieth a day stands still within ten units: 8 % of a floor."""
_MOST: Final = 2**15 - 1
_PRIOR: Final = 2
"""Days that a time of day's spread leans on the spread of the whole day."""

_HALF: Final = np.array([limits.LENGTHS / 2 * scale for scale in SCALES])


def context(aspect: Aspect, slot: Whole | int) -> Whole:
    """The context of a slot, counted from 1970: its time of day (UTC), and whether it lies on a weekend."""
    a_day = aspect.slots
    weekend = (np.asarray(slot) // a_day + 3) % 7 >= 5  # 1 January 1970 was a Thursday
    return np.asarray(np.asarray(slot) % a_day + a_day * (weekend & aspect.weekends))


def level(almanac: Records, context: int) -> Floats:
    """What a context usually shows [..., F]."""
    return np.asarray(almanac["table"][..., context, :] * almanac["unit"].astype(float))


def keep_level(aspect: Aspect, almanac: Records, rows: Whole, context: Whole, level: Floats) -> None:
    """Put levels [n, F] into a context [n] of these almanacs. The table's unit is STEP of a floor; where a level does not fit it doubles, and what stands
    in the table is rounded to it."""
    unit = almanac["unit"][rows]
    least = np.maximum(unit, np.array(aspect.floor) * STEP)
    doublings = np.ceil(np.log2(np.maximum(np.abs(level) / least / _MOST, 1)))
    wider = least * 2**doublings
    coarse = ((doublings > 0) & (unit > 0)).any(axis=-1)
    if coarse.any():
        table = almanac["table"][rows[coarse]]
        almanac["table"][rows[coarse]] = np.rint(table / 2 ** doublings[coarse][:, None])
    almanac["unit"][rows] = wider
    almanac["table"][rows, context] = np.clip(np.rint(level / wider), -_MOST, _MOST)


def spread(aspect: Aspect, almanac: Records, minute: int) -> Floats:
    """The mean squared residuals [..., P, F] at this time of day: the wider of the bins half an hour before and after, so that a dawn that comes a
    little earlier is no drift."""
    before, after = ((minute + step) // 60 % 24 // aspect.bin for step in (-30, 30))
    spread = _of_bin(almanac, before)
    return spread if after == before else np.maximum(spread, _of_bin(almanac, after))


def variance(almanac: Records) -> Floats:
    """Of the bank [..., P, S, F]."""
    return np.asarray(np.square(almanac["deviation"], dtype=float))


def _of_bin(almanac: Records, index: int) -> Floats:
    """A bin's mean squared residuals [..., P, F], the whole day's where it was not seen yet."""
    seen = almanac["seen"][..., index, :, None] > 0
    own = np.square(almanac["spread"][..., index, :, :], dtype=float)
    return own if seen.all() else np.where(seen, own, almanac["overall"])


def floor(aspect: Aspect) -> Floats:
    """The least variance [F]: a limit stands at four errors and more, so the aspect's floor is about what it takes to cross it."""
    return np.square(np.array(aspect.floor) / 4)


def learn(aspect: Aspect, live: Records, almanac: Records, tail: Floats, forgiven: NDArray[np.bool_]) -> None:
    """Take the open slots of these cameras [n] into their almanacs [n]; a slot with less than a third of its minutes teaches nothing. The excursions of
    `forgiven` cameras [n] count as the reference's, whenever they come."""
    rows = np.flatnonzero(live["n"] * 3 >= aspect.slot)
    if not len(rows):
        return
    live = live[rows]
    c = context(aspect, live["slot"])
    days = almanac["days"][rows, c]
    history = almanac["history"][rows]
    _spread(aspect, live, almanac, rows)
    _bank(aspect, live, almanac, rows, forgiven[rows])
    cap = np.where(c >= aspect.slots, KEPT[1], KEPT[0])
    rate = 1 / (np.minimum(days, cap - 1) + 1)
    usual = almanac["table"][rows, c] * almanac["unit"][rows].astype(float)
    keep_level(aspect, almanac, rows, c, usual + rate[:, None] * (live["sum"] / live["n"][:, None] - usual))
    almanac["days"][rows, c] = np.minimum(days + 1, cap)
    almanac["history"][rows] = np.minimum(history + live["n"], 2**30)
    aged = rows[(history // DAY != almanac["history"][rows] // DAY) | forgiven[rows]]  # what was forgiven counts at once
    if len(aged):
        almanac["limit"][aged] = limits.limits(aspect, almanac[aged], tail)


def _spread(aspect: Aspect, live: Records, almanac: Records, rows: Whole) -> None:
    """The bin's mean squared residuals, leaning on those of the whole day while they are young."""
    index = live["slot"] * aspect.slot // 60 % 24 // aspect.bin
    heard = live["heard"] > 0  # [n, P]
    squares = live["square"] / np.maximum(live["heard"], 1)[..., None]
    compared, seen = almanac["compared"][rows], almanac["seen"][rows, index].astype(int)
    a_day = aspect.bin * 60 // aspect.slot
    whole = limits.REFERENCE // DAY * a_day
    overall = almanac["overall"][rows]
    rate = heard / (np.minimum(compared, whole * aspect.bins) + 1)
    almanac["overall"][rows] = overall = overall + rate[..., None] * (squares - overall)
    before = almanac["spread"][rows, index]
    usual = np.where(seen[..., None] > 0, np.square(before, dtype=float), overall)
    rate = heard / (np.minimum(seen, whole) + _PRIOR * a_day)
    wider = np.minimum(np.sqrt(usual + rate[..., None] * (squares - usual)), LARGEST_F16)
    almanac["spread"][rows, index] = np.where(heard[..., None], wider, before)
    almanac["seen"][rows, index] = np.minimum(seen + heard, 255)
    almanac["compared"][rows] = np.minimum(compared + heard, 2**30)


def _bank(aspect: Aspect, live: Records, almanac: Records, rows: Whole, forgiven: NDArray[np.bool_]) -> None:
    """Sample the bank as the slot left it: its variance, its statistics' moments, and the worst excursions while the reference grows."""
    history = almanac["history"][rows]
    kept = history >= limits.LEARNING
    if not kept.any():
        return
    rows, live, history, forgiven = rows[kept], live[kept], history[kept], forgiven[kept]
    bank = live["bank"].astype(float)
    heard = live["heard"] > 0
    samples = almanac["samples"][rows]
    rate = heard / (np.minimum(samples, limits.REFERENCE // aspect.slot) + 1)
    least = (floor(aspect) / np.maximum(almanac["overall"][rows, 0], floor(aspect)))[
        :, None, None
    ]  # the floor in units of the residual
    usual = variance(almanac[rows])
    usual += rate[..., None, None] * (np.square(bank) + least - usual)
    almanac["deviation"][rows] = halves(np.sqrt(usual), live["slot"])
    statistic = aspect.statistics(bank, np.where(samples[..., None, None] + heard[..., None, None] > 0, usual, 1))
    for name, value in (("second", statistic), ("fourth", np.square(statistic))):
        almanac[name][rows] += rate[:, None, :, None] * (value - almanac[name][rows])
    almanac["samples"][rows] = samples + heard
    young = (forgiven | (history <= limits.REFERENCE))[:, None] & (history[:, None] >= _HALF)
    worst = almanac["worst"][rows]
    almanac["worst"][rows] = np.where(young[:, None, None], np.maximum(worst, live["peak"]), worst)
