"""Labelled frames counted by class, and what follows: accuracy, balanced accuracy, recall and precision with intervals valid at any time.

Three counts a class are enough for all of them, and tallies of two halves of a stream add up to the whole's. Of a detector's frames only the loss is
counted here; what its boxes were worth, detections.py keeps.
"""

import math
from collections.abc import Iterable
from typing import Final

import msgspec

from contracts.quality import Metric
from monitor.detectors.confidence_sequence import interval

OTHERS: Final = "(others)"
"""Classes beyond `most` are counted together under this name."""


class Tally(msgspec.Struct, array_like=True):
    """Counts per class: how often it was `true`, how often `said`, how often both at once. `loss` adds up the frames' losses in [0, 1]."""

    n: int = 0
    loss: float = 0.0
    true: dict[str, int] = {}
    said: dict[str, int] = {}
    hits: dict[str, int] = {}

    def add(self, truth: str, said: str, most: int | None = None) -> None:
        """Count one labelled frame; classes beyond the first `most` go together."""
        right = truth == said
        truth, said = (self._name(label, most) for label in (truth, said))
        self.n += 1
        self.loss += not right
        self.true[truth] = self.true.get(truth, 0) + 1
        self.said[said] = self.said.get(said, 0) + 1
        if right:
            self.hits[truth] = self.hits.get(truth, 0) + 1

    def add_loss(self, loss: float) -> None:
        """Count one frame of which only the loss matters."""
        self.n += 1
        self.loss += loss

    def correct(self, before: str, truth: str, said: str, most: int | None = None) -> None:
        """A frame that was counted as `before` is `truth`."""
        was = self._name(before, most)
        if not self.true.get(was):
            return  # counted before this tally began
        self.true[was] -= 1
        self.n -= 1
        if before == said:
            self.hits[was] -= 1
        else:
            self.loss -= 1
        self.said[self._name(said, most)] -= 1
        self.add(truth, said, most)

    def _name(self, label: str, most: int | None) -> str:
        known = most is None or label in self.true or label in self.said or len({*self.true, *self.said}) < most
        return label if known else OTHERS

    def accuracy(self) -> Metric | None:
        """One less the mean loss: of a detector, the mean F1 of its frames. None without labels, as all of these where the denominator is empty."""
        return interval(max(0.0, self.n - self.loss), self.n) if self.n else None

    def recall(self, label: str) -> Metric | None:
        """Of the frames that are `label`, the share that was said to be."""
        return interval(self.hits.get(label, 0), self.true[label]) if self.true.get(label) else None

    def precision(self, label: str) -> Metric | None:
        """Of the frames said to be `label`, the share that are."""
        return interval(self.hits.get(label, 0), self.said[label]) if self.said.get(label) else None

    def balanced_accuracy(self) -> Metric | None:
        """The mean recall over the classes that occurred; its interval from the recalls' half-widths in quadrature, as contracts/quality.py has it."""
        return _mean(metric for label in sorted(self.true) if (metric := self.recall(label)))

    def metrics(self, positive: str | None) -> dict[str, Metric]:
        """What can be said, by the names of contracts/quality.py: recall and precision of `positive`, without one the means over classes."""
        if self.n and not self.true:
            return {"frame_f1": interval(max(0.0, self.n - self.loss), self.n)}
        if positive is None:
            recall, precision = self.balanced_accuracy(), _mean(m for label in sorted(self.said) if (m := self.precision(label)))
        else:
            recall, precision = self.recall(positive), self.precision(positive)
        found = {
            "accuracy": self.accuracy(),
            "balanced_accuracy": self.balanced_accuracy(),
            "recall": recall,
            "precision": precision,
        }
        return {name: metric for name, metric in found.items() if metric is not None}

    def per_class(self) -> dict[str, dict[str, Metric]]:
        """Each class's recall and precision, as far as they are defined."""
        found = {
            label: {"recall": self.recall(label), "precision": self.precision(label)} for label in sorted({*self.true, *self.said})
        }
        return {label: {name: m for name, m in each.items() if m is not None} for label, each in found.items()}


def _mean(metrics: Iterable[Metric]) -> Metric | None:
    each = list(metrics)
    if not each:
        return None
    value = sum(m.value for m in each) / len(each)
    low = value - math.sqrt(sum((m.value - m.low) ** 2 for m in each)) / len(each)
    high = value + math.sqrt(sum((m.high - m.value) ** 2 for m in each)) / len(each)
    return Metric(value, max(0.0, low), min(1.0, high), sum(m.n for m in each))
