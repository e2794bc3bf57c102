"""Which labels a person should look at again, by confident learning (Northcutt, Jiang and Chuang, Confident learning, JAIR 2021).

A frame speaks for class j when heads that never learned from it are as sure of j as they usually are where j is the label. The frames with label i that
speak for j estimate how many labels i are wrong and should be j; so many of them, with the largest margin of j over i, are suspect. Nothing is dropped:
a suspect label may be the only right one.

The rule is the one of cleanlab's `find_label_issues`, up to rounding, and tests hold it to that. cleanlab itself brings pandas into the training process
and forks a pool of processes, which a process with running threads must not do.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROUNDING: Final = 1e-6


def suspects(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The suspect rows, the least probable label first, and the class (its index) that each more likely shows.

    `truth` [N] are the labels as given, `probabilities` [N, K] come of heads that never learned from the row.
    """
    doubted = np.zeros(len(truth), dtype=np.bool_)
    for (given, other), count in np.ndenumerate(_wrong(truth, probabilities)):
        rows = np.flatnonzero(truth == given)
        margin = probabilities[rows, other] - probabilities[rows, given]
        doubted[rows[np.argsort(-margin, kind="stable")[:count]]] = True
    own, largest = probabilities[np.arange(len(truth)), truth], probabilities.max(axis=1, initial=0.0)
    rows = np.flatnonzero(doubted & (own < largest - _ROUNDING))
    rows = rows[np.argsort(own[rows], kind="stable")]
    return rows, probabilities[rows].argmax(axis=1)


def _wrong(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of the frames with label i should have label j [K, K], 0 on the diagonal."""
    classes = probabilities.shape[1]
    usual = np.array([probabilities[truth == k, k].mean() if (truth == k).any() else np.inf for k in range(classes)])
    sure = probabilities >= np.maximum(usual, 2 * _ROUNDING) - _ROUNDING
    spoken = np.where(sure.sum(axis=1) > 1, probabilities.argmax(axis=1), sure.argmax(axis=1))
    joint = np.zeros((classes, classes))
    np.add.at(joint, (truth[sure.any(axis=1)], spoken[sure.any(axis=1)]), 1.0)
    np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1.0))
    scaled = joint / joint.sum(axis=1, keepdims=True) * np.bincount(truth, minlength=classes)[:, None]
    np.fill_diagonal(scaled, 0.0)
    return np.asarray(np.rint(scaled), dtype=np.int64)
