"""Frames that two models answer differently: what got better, what got worse, and how each fares under each corruption. For a person's eyes, no verdict."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrain.gates.corruptions import CORRUPTIONS
from retrain.gates.evidence import Judged


class Outline(NamedTuple):
    """A box to be drawn, in pixels of the frame as sent: the true one, or that of the model before or after."""

    of: Literal["truth", "before", "after"]
    x1: float
    y1: float
    x2: float
    y2: float


class Change(NamedTuple):
    """A frame (its row in the dataset) that the two models answer differently. `lead` is what the second one gained, in [-1, 1]: probability of the truth,
    or F1 of the frame's boxes.
    """

    row: int
    domain: str
    camera: str
    truth: str
    before: str
    after: str
    lead: float
    outlines: tuple[Outline, ...] = ()


class Changed(NamedTuple):
    """Frames that became right and frames that became wrong, the surest changes first."""

    better: tuple[Change, ...]
    worse: tuple[Change, ...]


def changed(judged: Judged, rows: NDArray[np.int64], labels: Sequence[str], domain: str) -> Changed:
    """The changes among judged frames, whose rows in the dataset are `rows` [N]."""
    before, after = judged.champion.argmax(axis=1), judged.candidate.argmax(axis=1)
    index = np.arange(len(judged))
    lead = judged.candidate[index, judged.truth] - judged.champion[index, judged.truth]

    def of(mask: NDArray[np.bool_]) -> tuple[Change, ...]:
        found = np.flatnonzero(mask)
        return tuple(
            Change(
                int(rows[i]), domain, judged.camera[i], labels[judged.truth[i]], labels[before[i]], labels[after[i]], float(lead[i])
            )
            for i in found[np.argsort(-np.abs(lead[found]), kind="stable")]
        )

    return Changed(of(~judged.champion_right & judged.candidate_right), of(judged.champion_right & ~judged.candidate_right))


class Cell(NamedTuple):
    """Shares wrong of `frames` images of one class under one corruption."""

    champion: float
    candidate: float
    frames: int


def grid(stressed: Judged, labels: Sequence[str]) -> dict[str, tuple[Cell, ...]]:
    """A row of cells, in the order of CORRUPTIONS, for each class that occurs among images under each of CORRUPTIONS in turn."""
    wrong = np.stack([~stressed.champion_right, ~stressed.candidate_right]).reshape(2, -1, len(CORRUPTIONS))
    truth = stressed.truth.reshape(-1, len(CORRUPTIONS))[:, 0]
    rows = {}
    for k, label in enumerate(labels):
        of_class = wrong[:, truth == k]
        if of_class.shape[1]:
            rows[label] = tuple(Cell(float(a), float(b), of_class.shape[1]) for a, b in of_class.mean(axis=1).T)
    return rows
