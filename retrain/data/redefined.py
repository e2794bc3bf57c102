"""Classes that mean something else since the change: frames that look as ever, and another name on them.

A change of the frames leaves old labels true; a change of the task makes them wrong, and a network that replays them unlearns what is new. Two things
together tell the second from the first. Where the champion names class a, most new labels say b, which it knows: more than half of them by a 95 % bound,
so neither labels flipped at random nor a class that is merely hard. And those frames look like the old ones of class a: the nearest neighbour of a
frame, among as many old as new, is not surely more often of its own side (the two-sample test of Schilling 1986 and Henze 1988).

What it cannot tell is a redefinition from people who take one class for another: that is a person's to say.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.quality import wilson

ALIKE: Final = 0.7
"""Share of nearest neighbours of the own side up to which new frames count as looking like the old: 0.5 where there is no difference, 1 where all differ."""
LEAST: Final = 10
"""Frames of each side that the champion calls by the class."""
MOST: Final = 400
"""Frames of each side whose neighbours are looked for: 800 x 800 distances."""
Floats = NDArray[np.float32]


class Redefined(msgspec.Struct, frozen=True):
    """A class whose frames are called otherwise since the change: `renamed` of the `of` new frames that the champion calls `label` are labelled `now`."""

    label: str
    now: str
    renamed: int
    of: int

    def __str__(self) -> str:
        return f"{self.renamed} of {self.of} new frames that look like {self.label!r} are labelled {self.now!r}"


def redefined(
    said: NDArray[np.int64],
    truth: NDArray[np.int64],
    new: NDArray[np.bool_],
    embedding: Floats,
    recordings: Sequence[str],
    labels: Sequence[str],
) -> tuple[Redefined, ...]:
    """The classes that mean something else since the change, in the order of `labels`.

    Of N items: what the champion says [N], the labels [N], which are new [N], its embedding [N, D], and the recordings. Classes beyond `labels`, which
    the champion does not know, may stand in `truth`: a class that is new renames no old one.
    """
    found = []
    for k, label in enumerate(labels):
        called = said == k
        rows = np.flatnonzero(called & new)
        others = truth[rows][(truth[rows] != k) & (truth[rows] < len(labels))]
        if len(rows) < LEAST or not len(others):
            continue
        now = int(np.bincount(others).argmax())
        renamed = int((others == now).sum())
        old = np.flatnonzero(called & ~new)
        if wilson(renamed, len(rows)).low > 0.5 and _alike(embedding, old, rows, recordings):
            found.append(Redefined(label, labels[now], renamed, len(rows)))
    return tuple(found)


def _alike(embedding: Floats, old: NDArray[np.int64], new: NDArray[np.int64], recordings: Sequence[str]) -> bool:
    """Whether the frames of two sides are drawn as if from one: neighbours of a frame's own recording, which are near whatever changed, do not count."""
    count = min(len(old), len(new), MOST)
    if count < LEAST:
        return False
    rows = np.concatenate([side[np.linspace(0, len(side) - 1, count).astype(int)] for side in (old, new)])
    mine = np.arange(2 * count) >= count
    x_ND = embedding[rows].astype(np.float64)
    x_ND = (x_ND - x_ND.mean(axis=0)) / np.maximum(x_ND.std(axis=0), 1e-9)
    square = (x_ND**2).sum(axis=1)
    distance = square[:, None] + square[None, :] - 2 * x_ND @ x_ND.T
    names = np.unique([recordings[row] for row in rows], return_inverse=True)[1]
    distance[names[:, None] == names[None, :]] = np.inf
    near = distance.argmin(axis=1)
    some = np.isfinite(distance.min(axis=1))
    hits = int((mine[near] == mine)[some].sum())
    return bool(some.any()) and wilson(hits, int(some.sum())).low <= ALIKE
