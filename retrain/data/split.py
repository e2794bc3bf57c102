"""Who learns, who tunes and who judges: deals whole recording groups into train, validation and gate, so that no set knows another's scene.

Frames of one recording resemble each other; a set that holds a neighbour of a judged frame judges its own memory. Membership is dealt once, when a
frame enters a dataset, and never moves after.
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
BLOCK: Final = 10
"""Labelled frames of one camera in a row that count as neighbours."""
GAP_S: Final = 60.0
"""A camera that was silent this long between two labelled frames shows another scene."""


def recordings(cameras: Sequence[str], times_s: Sequence[float], block: int = BLOCK, gap_s: float = GAP_S) -> list[str]:
    """A group for each frame: a camera's frames in order of time, cut at gaps and after `block` frames."""
    groups = [""] * len(cameras)
    last: dict[str, tuple[float, int, int]] = {}
    for index in sorted(range(len(cameras)), key=lambda i: (cameras[i], times_s[i])):
        camera, time_s = cameras[index], times_s[index]
        before, number, count = last.get(camera, (time_s, 0, 0))
        if count == block or time_s - before > gap_s:
            number, count = number + 1, 0
        last[camera] = (time_s, number, count + 1)
        groups[index] = f"{camera}#{number}"
    return groups


def joined(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """`groups`, those that hold the two frames of a pair made one: near-duplicates must lie in one set."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    for first, second in pairs:
        a, b = sorted((root(groups[first]), root(groups[second])))
        parent[b] = a
    return [root(group) for group in groups]


def deal(groups: Sequence[str], truth: NDArray[np.int64], shares: Mapping[Set, float], seed: int) -> list[Set]:
    """The set of each frame: whole groups, in recording order; the sets equal in class shares and spread over the recording alike.

    Greedy stratified dealing (after Sechidis, Tsoumakas and Vlahavas 2011) with running targets: each group goes to the set that lacks its classes most
    so far. On ELPV, whose difficulty runs in stretches, sets dealt at random differed by 5 points (standard deviation) in one model's accuracy.
    """
    names, member = _in_order(groups)
    counts = np.zeros((len(names), int(truth.max()) + 1))
    np.add.at(counts, (member, truth), 1.0)
    share = np.array([shares[name] for name in SETS])[:, None]
    held, dealt, chosen = np.zeros((len(SETS), counts.shape[1])), np.zeros(counts.shape[1]), np.zeros(len(names), dtype=np.int64)
    for group in _shuffled_nearby(len(names), np.random.default_rng(seed)):
        dealt += counts[group]
        target = share * dealt
        lack = ((target - held) ** 2 - (target - held - counts[group]) ** 2) / np.maximum(target, 1e-9)
        chosen[group] = int(np.where(dealt > 0, lack, 0.0).sum(axis=1).argmax())
        held[chosen[group]] += counts[group]
    return [SETS[chosen[index]] for index in member]


def _in_order(groups: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct groups by first occurrence, and each frame's place among them."""
    places: dict[str, int] = {}
    member = [places.setdefault(group, len(places)) for group in groups]
    return list(places), np.array(member, dtype=np.int64)


def _shuffled_nearby(count: int, random: np.random.Generator, window: int = 6) -> list[int]:
    """0..count-1, shuffled within windows: the seed decides among neighbours, the order still runs through the recording."""
    return [start + int(i) for start in range(0, count, window) for i in random.permutation(min(window, count - start))]
