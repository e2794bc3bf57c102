"""What frames of few recordings are worth: neighbours resemble each other, so that 300 of them may tell no more than 60 strangers would."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from retrain.gates.paired import Z_95_ONE_SIDED, Changes

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]


def changes(first: Bools, second: Bools, recordings: Sequence[str] | None) -> Changes:
    """How `second` [N] did against `first` [N]; `recordings` [N] says whose neighbour each frame is, None takes frames as independent."""
    gained, lost, n = int((second & ~first).sum()), int((first & ~second).sum()), len(first)
    if recordings is None:
        return Changes(gained, lost, n, n, n)
    worth = effective_size(second.astype(np.float64) - first, recordings)
    share = worth / n if n else 0.0
    return Changes(gained * share, lost * share, worth, n, len(set(recordings)))


def effective_size(values: Doubles, recordings: Sequence[str]) -> float:
    """The number of independent frames whose mean would be known as well as the mean of `values` [N] is, in [0, N].

    N over the design effect (Rao and Scott 1992: variance of the mean between whole recordings over that of independent frames, never below 1), and
    by Student's t with a degree of freedom less than there are recordings in place of the normal (Korn and Graubard 1998): few recordings do
    not know their own spread. Of one recording nothing is known: 0.
    """
    n = len(values)
    places: dict[str, int] = {}
    member = [places.setdefault(name, len(places)) for name in recordings]
    groups = len(places)
    if groups < 2:
        return 0.0
    off = values - values.mean()
    alone = float((off**2).sum()) * n / (n - 1)
    between = float((np.bincount(member, weights=off) ** 2).sum()) * groups / (groups - 1)
    design = max(1.0, between / alone) if alone else 1.0
    return n / design * (Z_95_ONE_SIDED / float(stdtrit(groups - 1, 0.95))) ** 2


def drawn_again(groups: int, seed: int, resamples: int = 1000) -> NDArray[np.int64]:
    """How often each of `groups` recordings occurs where as many are drawn with replacement, [resamples, groups], for figures that are no mean over frames,
    such as average precision. Field and Welsh 2007: drawing clusters whole keeps their correlation. Raises ValueError for fewer than 2 recordings.
    """
    if groups < 2:
        raise ValueError(f"a bootstrap over recordings needs at least 2, got {groups}")
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1.0 / groups), size=resamples)
