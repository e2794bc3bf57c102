"""What a network learns from in a retraining and what it is judged on while it does: rows of the material, and what each row counts."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.data.material import Material
from retrain.data.replay import replayed, wanted
from retrain.models.head import balance
from retrain.request import Technique
from retrain.training.crossfit import BALANCE

MOST_JUDGED: Final = 1_000
"""Old frames in validation that are looked at after every epoch: the standard error of a share of them is 1.6 points at most."""
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """`rows` [N] of the material to learn from, `weight` [N] what each counts, 1 on average; `judged` rows of both domains to judge on."""

    rows: Rows
    weight: NDArray[np.float32]
    judged: Rows


def lesson(material: Material, technique: Technique, old_share: float, seed: int) -> Lesson:
    """New frames of train, and as many old ones as make up `old_share` of all; from scratch all old ones, weighed down to that share if they are more.

    Within a domain rare classes count more, as for the head alone.
    """
    train, new = material.dataset.where("train"), material.new
    fresh, old = np.flatnonzero(train & new), np.flatnonzero(train & ~new)
    if technique != "scratch":
        old = old[_replayed(material, old, wanted(len(fresh), old_share), seed)]
    parts = [part for part in (fresh, old) if len(part)]
    weight = [_balanced(material, part) for part in parts]
    if len(old) > wanted(len(fresh), old_share):
        for one, share in zip(weight, (1.0 - old_share, old_share), strict=True):
            one *= np.float32(share / one.sum())
    whole = np.concatenate(weight)
    return Lesson(np.concatenate(parts), whole / whole.mean(), judged(material, seed))


def judged(material: Material, seed: int) -> Rows:
    """The rows that every technique is judged on: validation, the new ones first, of old ones no more than MOST_JUDGED."""
    validation = material.dataset.where("validation")
    old = np.flatnonzero(validation & ~material.new)
    return np.concatenate([np.flatnonzero(validation & material.new), old[_replayed(material, old, MOST_JUDGED, seed)]])


def _replayed(material: Material, rows: Rows, count: int, seed: int) -> Rows:
    recordings = tuple(material.dataset.items[row].recording for row in rows.tolist())
    return replayed(material.truth[rows], recordings, count, seed)


def _balanced(material: Material, rows: Rows) -> NDArray[np.float32]:
    weight = balance(material.truth[rows], len(material.dataset.labels), BALANCE)
    return np.asarray(weight / weight.mean(), dtype=np.float32)
