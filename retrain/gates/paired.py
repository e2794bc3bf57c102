"""Two models on the same frames: quality, exact paired tests, and one-sided bounds of their difference. Pure; the gates give the verdicts."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Bools = NDArray[np.bool_]
Z_95_ONE_SIDED: Final = 1.644854
Z_99_ONE_SIDED: Final = 2.326348


@dataclass(frozen=True, slots=True)
class Judged:
    """One set of N labelled frames as champion and candidate see them: probabilities [N, K] each, truth [N]."""

    truth: NDArray[np.int64]
    champion: NDArray[np.float64]
    candidate: NDArray[np.float64]
    camera: tuple[str, ...]

    @property
    def champion_right(self) -> Bools:
        """Where the champion names the true class."""
        return np.asarray(self.champion.argmax(axis=1) == self.truth)

    @property
    def candidate_right(self) -> Bools:
        """Where the candidate names the true class."""
        return np.asarray(self.candidate.argmax(axis=1) == self.truth)

    def __len__(self) -> int:
        return len(self.truth)


def together(*parts: Judged) -> Judged:
    """Sets of frames as one."""
    return Judged(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.champion for part in parts]),
        np.concatenate([part.candidate for part in parts]),
        tuple(camera for part in parts for camera in part.camera),
    )


def mcnemar_mid_p(worse: int, better: int) -> float:
    """One-sided mid-p of McNemar's exact test: how probable at most `worse` losses are among the changed frames if gains were no likelier than losses.

    Fagerland, Lydersen and Laake 2013, eq. 4, one-sided. 1 when nothing changed.
    """
    changed = worse + better
    if not changed:
        return 1.0
    return float(binom.cdf(worse, changed, 0.5) - 0.5 * binom.pmf(worse, changed, 0.5))


def paired_difference(first: Bools, second: Bools) -> tuple[float, float, float]:
    """Share right of `second` minus `first`, with its one-sided 95 % bounds (low, high); Agresti and Min 2005: half a case in each changed cell."""
    n = len(first)
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    up, down, m = gained + 0.5, lost + 0.5, n + 2.0
    centre = (up - down) / m
    half = Z_95_ONE_SIDED * math.sqrt(max(0.0, (up + down) / m - centre * centre) / m)
    return (gained - lost) / n, centre - half, centre + half


def balanced_accuracy(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> tuple[float, float]:
    """The mean recall of the classes that occur, and its one-sided 95 % lower bound (recalls shrunk by half a case as above)."""
    recalls, variance = [], 0.0
    classes = np.unique(truth)
    for k in classes:
        hit = predicted[truth == k] == k
        p = (hit.sum() + 0.5) / (len(hit) + 1.0)
        recalls.append(float(hit.mean()))
        variance += p * (1.0 - p) / len(hit)
    value = float(np.mean(recalls))
    return value, value - Z_95_ONE_SIDED * math.sqrt(variance) / len(classes)


def holm(p_values: list[float], alpha: float = 0.05) -> list[bool]:
    """Which hypotheses are rejected with the familywise error at most `alpha` (Holm 1979), in the order given."""
    rejected = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected
