"""How good answers are on what was known and on what is new, as one number."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.int64]


class Score(NamedTuple):
    """Balanced accuracies on new and old frames and their harmonic mean, in [0, 1], with its standard error. Where one domain has no frames its accuracy
    is 0 and the mean is the other's."""

    new: float
    old: float
    harmonic: float
    error: float


def scored(predicted: Classes, truth: Classes, new: NDArray[np.bool_]) -> Score:
    """The score of N >= 1 answers; `new` [N] marks the new domain. The harmonic mean is low where either is: neither can be bought with the other."""
    parts = {domain: _balanced(predicted[mask], truth[mask]) for domain, mask in ((True, new), (False, ~new)) if bool(mask.any())}
    harmonic = len(parts) / sum(1.0 / max(value, 1e-9) for value, _ in parts.values())
    # How much the mean moves with each part: dH/dx = H^2 / (n x^2).
    moved = [(harmonic / max(value, 1e-9)) ** 2 / len(parts) * error for value, error in parts.values()]
    nothing = (0.0, 0.0)
    return Score(parts.get(True, nothing)[0], parts.get(False, nothing)[0], harmonic, float(np.hypot.reduce(moved)))


def _balanced(predicted: Classes, truth: Classes) -> tuple[float, float]:
    """The mean recall of the classes that occur, and its standard error, each recall shrunk by half a frame so that none is sure of itself."""
    hits = [predicted[truth == k] == k for k in np.unique(truth)]
    shrunk = [((hit.sum() + 0.5) / (len(hit) + 1.0), len(hit)) for hit in hits]
    error = np.sqrt(sum(p * (1.0 - p) / n for p, n in shrunk)) / len(hits)
    return float(np.mean([hit.mean() for hit in hits])), float(error)
