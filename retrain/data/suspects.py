"""Which labels a person should look at again, by confident learning (Northcutt, Jiang and Chuang, Confident learning, JAIR 2021).

A frame is suspect when heads that never learned from it are as sure of another class as they usually are where that class is true. Nothing is dropped:
a suspect label may be the only right one. The rule is the one of cleanlab's `find_label_issues(filter_by="confident_learning")`, and tests hold it to
that; cleanlab itself forks a pool of processes for it, which a process with running threads must not do.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_ROUNDING: Final = 1e-6


def suspects(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The suspect rows, the least probable label first, and the class (its index) that each more likely shows.

    `truth` [N] are the labels as given, `probabilities` [N, K] come of heads that never learned from the row.
    """
    classes = probabilities.shape[1]
    usual = np.array([probabilities[truth == k, k].mean() if (truth == k).any() else np.inf for k in range(classes)])
    sure = probabilities >= np.maximum(usual, 2 * _ROUNDING) - _ROUNDING
    likely = np.where(sure.sum(axis=1) > 1, probabilities.argmax(axis=1), sure.argmax(axis=1))
    given = probabilities[np.arange(len(truth)), truth]
    doubted = sure.any(axis=1) & (likely != truth) & (given < probabilities.max(axis=1, initial=0.0) - 1e-8)
    rows = np.flatnonzero(doubted)
    rows = rows[np.argsort(given[rows], kind="stable")]
    return rows, likely[rows]
