"""When which fault comes: the order by the seed, evenly over the run. Pure."""

import random
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

WHOLE_S: Final = 600.0
"""The run for which the faults say how long they last."""
LEAST_S: Final = 3.0
_SHARE: Final = 0.9
"""Of its turn a fault may last at most so long: the rest is for getting well."""
T = TypeVar("T")


class Turn(NamedTuple):
    """A fault's turn, in seconds since the load began."""

    at_s: float
    hold_s: float


def order(faults: Sequence[T], seed: int) -> list[T]:
    """All of them, shuffled."""
    found = list(faults)
    random.Random(seed).shuffle(found)
    return found


def turns(holds_s: Sequence[float], seconds: float, least_s: Sequence[float] = ()) -> list[Turn]:
    """The turns of faults that last `holds_s` in a whole run, in a run of `seconds`: as much time for each beside its own length, one such rest before all.

    A fault lasts at least its `least_s`, LEAST_S where nothing is said, or 0 where it has no length.
    """
    scale = min(1.0, seconds / WHOLE_S)
    most = _SHARE * seconds / (len(holds_s) + 1)
    leasts = least_s or [LEAST_S] * len(holds_s)
    holds = [max(least, min(hold * scale, most)) if hold else 0.0 for hold, least in zip(holds_s, leasts, strict=True)]
    rest = (seconds - sum(holds)) / (len(holds) + 1)
    found, at = [], rest
    for hold in holds:
        found.append(Turn(at, hold))
        at += hold + rest
    return found
