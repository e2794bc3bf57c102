"""Precision and recall by class as a calibrated model expects them of itself, without labels: CBPE (nannyml) beyond accuracy.

Of the frames answered k, each is rightly so with its probability of k: the expected hits are the sum of those. Over the answers k they are the expected
precision, over the sum of all frames' probabilities of k the expected recall. What the reference's own expectation missed is taken off, as for accuracy;
intervals are the reference's block bootstrap. Blind to concept drift, as CBPE is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.detectors.ewma import Floats
from monitor.incidents.finding import Expectation

MOST: Final = 4
"""Classes looked at: the positive one, else all where there are no more than these."""
_Z: Final = 1.96
_LEAST: Final = 1e-3
"""Of frames: a class answered or expected more seldom has no precision or no recall."""


def watched(labels: tuple[str, ...], positive: str | None) -> tuple[int, ...]:
    """The numbers of the classes looked at."""
    if positive is not None:
        return (labels.index(positive),)
    return tuple(range(len(labels))) if len(labels) <= MOST else ()


def features(probabilities: Floats, classes: tuple[int, ...]) -> Floats:
    """[n, 3 m] of probabilities [n, K]: for each class its expected hits, whether it was answered, its probability."""
    watched = np.array(classes, dtype=np.intp)
    answered = probabilities.argmax(axis=1)[:, None] == watched
    own = probabilities.take(watched, axis=1)
    found = np.empty((*own.shape, 3))
    found[..., 0], found[..., 1], found[..., 2] = own * answered, answered, own
    return found.reshape(len(own), 3 * len(classes))


def rates(means: Floats) -> Floats:
    """Precision and recall [..., m, 2] of mean features [..., 3 m]; NaN where the class is hardly ever answered or expected."""
    hits, answered, expected = np.moveaxis(means.reshape(*means.shape[:-1], -1, 3), -1, 0)
    below = np.stack([answered, expected], axis=-1)
    return np.asarray(np.clip(hits[..., None] / np.where(below >= _LEAST, below, np.nan), 0.0, 1.0))


@dataclass(frozen=True, slots=True)
class Expected:
    """Of m classes: names, what the reference's truth gives (else its own expectation), its expectation, and the 95 % half-widths, each [m, 2]."""

    labels: tuple[str, ...]
    before: Floats
    level: Floats
    half: Floats

    def read(self, means: Floats) -> tuple[Expectation, ...]:
        """The expectations now, of mean features [3 m]; those without a figure are left out."""
        moved = rates(means) - self.level
        return tuple(
            Expectation(f"{rate} of {label}", float(self.before[k, r]), float(moved[k, r]), float(self.half[k, r]))
            for k, label in enumerate(self.labels)
            for r, rate in enumerate(("precision", "recall"))
            if np.isfinite([self.before[k, r], moved[k, r], self.half[k, r]]).all()
        )


def calibrate(
    labels: tuple[str, ...],
    classes: tuple[int, ...],
    means: Floats,
    banks: Floats,
    said: NDArray[np.intp],
    truth: NDArray[np.int32],
) -> Expected:
    """From mean features [3 m], null banks [..., 3 m] of the scale that is read, and the reference's answers and truths [N] (-1: unknown)."""
    level = rates(means)
    off = rates(means + banks) - level
    off = off.reshape(int(np.prod(off.shape[:-2])), len(classes), 2)  # -1 could not be told without a class
    known_off = np.isfinite(off)
    half = _Z * np.sqrt(np.square(np.where(known_off, off, 0.0)).sum(axis=0) / np.maximum(1, known_off.sum(axis=0)))
    before = level.copy()
    known = truth >= 0
    for at, k in enumerate(classes):
        hits = float((known & (said == k) & (truth == k)).sum())
        for r, below in enumerate((float((known & (said == k)).sum()), float((truth == k).sum()))):
            if below:
                before[at, r] = hits / below
    return Expected(tuple(labels[k] for k in classes), before, level, half)
