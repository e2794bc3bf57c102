"""Labelled frames counted by class, and what follows: accuracy, balanced accuracy, recall and precision with intervals valid at any time.

Three counts a class are enough for all of them, and tallies of two halves of a stream add up to the whole's.
"""

import math
from collections.abc import Iterable

import msgspec

from contracts.quality import Metric
from monitor.detectors.confidence_sequence import interval


class Tally(msgspec.Struct):
    """Counts per class: how often it was `true`, how often `said`, how often both at once."""

    true: dict[str, int] = {}
    said: dict[str, int] = {}
    hits: dict[str, int] = {}

    @property
    def n(self) -> int:
        """Labels counted."""
        return sum(self.true.values())

    def add(self, truth: str, said: str) -> None:
        """Count one labelled frame."""
        self.true[truth] = self.true.get(truth, 0) + 1
        self.said[said] = self.said.get(said, 0) + 1
        if truth == said:
            self.hits[truth] = self.hits.get(truth, 0) + 1

    def accuracy(self) -> Metric | None:
        """None without labels, as all of these where the denominator is empty."""
        return interval(sum(self.hits.values()), self.n) if self.n else None

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


def _mean(metrics: Iterable[Metric]) -> Metric | None:
    each = list(metrics)
    if not each:
        return None
    value = sum(m.value for m in each) / len(each)
    low = value - math.sqrt(sum((m.value - m.low) ** 2 for m in each)) / len(each)
    high = value + math.sqrt(sum((m.high - m.value) ** 2 for m in each)) / len(each)
    return Metric(value, max(0.0, low), min(1.0, high), sum(m.n for m in each))
