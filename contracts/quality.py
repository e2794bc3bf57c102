"""The quality of a classifier: one definition for the benchmark, the gates and the live figures.

Intervals are Wilson's (1927) for shares and Hanley and McNeil's (1982) for the area under the ROC curve, 95 % unless said otherwise.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Z_95: Final = 1.959964


class Metric(msgspec.Struct, frozen=True):
    """A figure with its interval and the number of cases it rests on. All in [0, 1]."""

    value: float
    low: float
    high: float
    n: int


class Quality(msgspec.Struct, frozen=True):
    """A classifier's quality on labelled frames.

    With a positive label, recall, precision and AUC are that class's; without one they are means over the classes that occur (macro).
    `per_class` holds the recall of each class that occurs. A figure whose denominator is empty is None, never 0.
    """

    accuracy: Metric
    balanced_accuracy: Metric
    recall: Metric | None
    precision: Metric | None
    auc: Metric | None
    per_class: dict[str, Metric]


def wilson(hits: float, n: int, z: float = Z_95) -> Metric:
    """A share with Wilson's score interval. Raises ValueError for n = 0: no cases, no figure."""
    if n <= 0:
        raise ValueError("a share of no cases is undefined")
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Metric(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)), n)


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_], z: float = Z_95) -> Metric | None:
    """Area under the ROC curve (ties count one half) with Hanley and McNeil's interval; None when a class is missing."""
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return None
    ranks = _ranks(scores)
    a = float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    half = z * math.sqrt(max(0.0, (a * (1 - a) + (n1 - 1) * (q1 - a * a) + (n0 - 1) * (q2 - a * a)) / (n1 * n0)))
    return Metric(a, max(0.0, a - half), min(1.0, a + half), n1 + n0)


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties sharing their mean. (scipy.stats.rankdata would cost every service that reads a manifest two seconds of import.)"""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(mean_rank[place], dtype=np.float64)


def quality(
    labels: Sequence[str], truth: NDArray[np.int64], probabilities: NDArray[np.float64], positive: str | None = None
) -> Quality:
    """Quality of probabilities [N, K] against truth [N] (indices into `labels`, length K). Raises ValueError for N = 0, an unknown positive or truth."""
    if positive is not None and positive not in labels:
        raise ValueError(f"positive label {positive!r} is none of {list(labels)}")
    if not len(truth) or probabilities.shape != (len(truth), len(labels)):
        raise ValueError(
            f"quality needs at least one case and probabilities [{len(truth)}, {len(labels)}], got {list(probabilities.shape)}"
        )
    if truth.min() < 0 or truth.max() >= len(labels):
        raise ValueError(f"truth has the class {truth.min() if truth.min() < 0 else truth.max()}, there are 0 to {len(labels) - 1}")
    predicted = probabilities.argmax(axis=1)
    right = predicted == truth
    per_class = {
        label: wilson(float(right[truth == k].sum()), int((truth == k).sum()))
        for k, label in enumerate(labels)
        if (truth == k).any()
    }
    recalls = list(per_class.values())
    if positive is None:
        recall: Metric | None = _mean(recalls)
        precision = _mean([m for k in range(len(labels)) if (m := _precision(predicted, right, k)) is not None])
        area = _mean([m for k in range(len(labels)) if (m := auc(probabilities[:, k], truth == k)) is not None])
    else:
        k = list(labels).index(positive)
        recall, precision, area = per_class.get(positive), _precision(predicted, right, k), auc(probabilities[:, k], truth == k)
    balanced = _mean(recalls)
    assert balanced is not None  # at least one class occurs
    return Quality(wilson(float(right.sum()), len(truth)), balanced, recall, precision, area, per_class)


def _precision(predicted: NDArray[np.int64], right: NDArray[np.bool_], k: int) -> Metric | None:
    flagged = predicted == k
    return wilson(float(right[flagged].sum()), int(flagged.sum())) if flagged.any() else None


def _mean(metrics: Sequence[Metric]) -> Metric | None:
    """The mean of independent figures, its interval from their half-widths in quadrature."""
    if not metrics:
        return None
    count = len(metrics)
    low = math.sqrt(sum((m.value - m.low) ** 2 for m in metrics)) / count
    high = math.sqrt(sum((m.high - m.value) ** 2 for m in metrics)) / count
    value = sum(m.value for m in metrics) / count
    return Metric(value, max(0.0, value - low), min(1.0, value + high), sum(m.n for m in metrics))
