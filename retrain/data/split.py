"""Who learns, who tunes and who judges: deals whole recordings into train, validation and gate, so that no set knows another's scene.

A recording is dealt once, when it is first seen, and the deal is kept (deals.py): its frames never change sides.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.request import Set

SETS: Final[tuple[Set, ...]] = ("train", "validation", "gate")
BOOTSTRAP_SHARES: Final[Mapping[Set, float]] = {"train": 0.6, "validation": 0.2, "gate": 0.2}
CANDIDATE_SHARES: Final[Mapping[Set, float]] = {"train": 0.5, "validation": 0.2, "gate": 0.3}
"""New labels are few, and the gate must be able to refuse: it takes more of them than at bootstrap."""
FOREIGN_SHARES: Final[Mapping[Set, float]] = {"train": 5 / 7, "validation": 2 / 7, "gate": 0.0}
"""Pictures that no camera of the house sent may teach, and judge nothing."""
Counts = NDArray[np.float64]
"""Frames of each class [K]."""


def assigned(recordings: Mapping[str, Counts], known: Mapping[str, Set], shares: Mapping[Set, float], seed: int) -> dict[str, Set]:
    """The set of each recording, given in order of time: those that are known stay, the sets equal in class shares and spread over time alike.

    Greedy stratified dealing (after Sechidis, Tsoumakas and Vlahavas 2011) with running targets: each recording goes to the set that lacks its classes
    most so far, known ones counted.
    """
    sets: dict[str, Set] = {name: known[name] for name in recordings if name in known}
    width = max((len(counts) for counts in recordings.values()), default=0)
    share = np.array([shares[name] for name in SETS])[:, None]
    held = np.zeros((len(SETS), width))
    for name, chosen in sets.items():
        held[SETS.index(chosen)] += recordings[name]
    dealt = held.sum(axis=0)
    fresh = [name for name in recordings if name not in sets]
    for place in _shuffled_nearby(len(fresh), np.random.default_rng(seed)):
        counts = recordings[fresh[place]]
        dealt = dealt + counts
        target = share * dealt
        lack = ((target - held) ** 2 - (target - held - counts) ** 2) / np.maximum(target, 1e-9)
        best = int(np.where(dealt > 0, lack, 0.0).sum(axis=1).argmax())
        held[best] += counts
        sets[fresh[place]] = SETS[best]
    return sets


def deal(recordings: Sequence[str], truth: NDArray[np.int64], shares: Mapping[Set, float], seed: int) -> list[Set]:
    """The set of each of N frames by its recording, none dealt before."""
    sets = assigned(counted(recordings, truth, int(truth.max()) + 1), {}, shares, seed)
    return [sets[name] for name in recordings]


def counted(recordings: Sequence[str], truth: NDArray[np.int64], classes: int) -> dict[str, Counts]:
    """Frames of each class by recording, in the order in which recordings first occur."""
    counts: dict[str, Counts] = {}
    for name, k in zip(recordings, truth.tolist(), strict=True):
        counts.setdefault(name, np.zeros(classes))[k] += 1.0
    return counts


def _shuffled_nearby(count: int, random: np.random.Generator, window: int = 6) -> list[int]:
    """0..count-1, shuffled within windows: the seed decides among neighbours, the order still runs through the recording."""
    return [start + int(i) for start in range(0, count, window) for i in random.permutation(min(window, count - start))]
