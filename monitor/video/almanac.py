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
from monitor.video.aspect import DAY, HOURS, SCALES, Aspect, Records

KEPT: Final = (20, 8)
"""Days that a context's mean remembers: four weeks of working days, of weekends."""
_PRIOR: Final = 2
"""Days that a time of day's spread leans on the spread of the whole day."""

_HALF: Final = np.array([limits.LENGTHS / 2 * scale for scale in SCALES])

Whole = NDArray[np.int64]


def context(aspect: Aspect, slot: Whole | int) -> Whole:
    """The context of a slot, counted from 1970: its time of day (UTC), and whether it lies on a weekend."""
    a_day = aspect.slots
    weekend = (np.asarray(slot) // a_day + 3) % 7 >= 5  # 1 January 1970 was a Thursday
    return np.asarray(np.asarray(slot) % a_day + a_day * weekend)


def spread(almanac: Records, minute: int) -> Floats:
    """The mean squared residuals [..., P, F] at this time of day: the wider of the hours half an hour before and after, so that a dawn that comes a
    little earlier is no drift."""
    before, after = ((minute + step) // 60 % HOURS for step in (-30, 30))
    spread = _of_hour(almanac, before)
    return spread if after == before else np.maximum(spread, _of_hour(almanac, after))


def _of_hour(almanac: Records, hour: int) -> Floats:
    """An hour's mean squared residuals [..., P, F], the whole day's where it was not seen yet."""
    seen = almanac["seen"][..., hour, :, None] > 0
    return np.asarray(
        almanac["spread"][..., hour, :, :] if seen.all() else np.where(seen, almanac["spread"][..., hour, :, :], almanac["overall"])
    )


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
    before = almanac["history"][rows]
    _spread(aspect, live, almanac, rows)
    _bank(aspect, live, almanac, rows, forgiven[rows])
    cap = np.where(c >= aspect.contexts // 2, KEPT[1], KEPT[0])
    rate = 1 / (np.minimum(days, cap - 1) + 1)
    mean = live["sum"] / live["n"][:, None]
    almanac["table"][rows, c] += rate[:, None] * (mean - almanac["table"][rows, c])
    almanac["days"][rows, c] = np.minimum(days + 1, cap)
    almanac["history"][rows] = np.minimum(before + live["n"], 2**30)
    aged = rows[(before // DAY != almanac["history"][rows] // DAY) | forgiven[rows]]  # what was forgiven counts at once
    if len(aged):
        almanac["limit"][aged] = limits.limits(aspect, almanac[aged], tail)


def _spread(aspect: Aspect, live: Records, almanac: Records, rows: Whole) -> None:
    """The hour's mean squared residuals, leaning on those of the whole day while they are young."""
    hour = live["slot"] * aspect.slot // 60 % HOURS
    heard = live["heard"] > 0  # [n, P]
    squares = live["square"] / np.maximum(live["heard"], 1)[..., None]
    compared, seen = almanac["compared"][rows], almanac["seen"][rows, hour]
    an_hour = 60 // aspect.slot
    whole = limits.REFERENCE // DAY * an_hour
    overall = almanac["overall"][rows]
    almanac["overall"][rows] = overall = overall + (heard / (np.minimum(compared, whole * HOURS) + 1))[..., None] * (
        squares - overall
    )
    usual = np.where(seen[..., None] > 0, almanac["spread"][rows, hour], overall)
    rate = heard / (np.minimum(seen, whole) + _PRIOR * an_hour)
    almanac["spread"][rows, hour] = np.where(
        heard[..., None], usual + rate[..., None] * (squares - usual), almanac["spread"][rows, hour]
    )
    almanac["seen"][rows, hour] = np.minimum(seen + heard, 2**30)
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
    squares = np.square(bank) + least
    almanac["variance"][rows] += rate[..., None, None] * (squares - almanac["variance"][rows])
    statistic = aspect.statistics(
        bank, np.where(samples[..., None, None] + heard[..., None, None] > 0, almanac["variance"][rows], 1)
    )
    for name, value in (("second", statistic), ("fourth", np.square(statistic))):
        almanac[name][rows] += rate[:, None, :, None] * (value - almanac[name][rows])
    almanac["samples"][rows] = samples + heard
    young = (forgiven | (history <= limits.REFERENCE))[:, None] & (history[:, None] >= _HALF)
    worst = almanac["worst"][rows]
    almanac["worst"][rows] = np.where(young[:, None, None], np.maximum(worst, live["peak"]), worst)
