"""How good answers are on what was known and on what is new, as one number."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Classes = NDArray[np.int64]


class Score(NamedTuple):
    """Balanced accuracies on new and old frames and their harmonic mean, in [0, 1]. Where one domain has no frames its accuracy is 0 and the mean is
    the other's."""

    new: float
    old: float
    harmonic: float


def scored(predicted: Classes, truth: Classes, new: NDArray[np.bool_]) -> Score:
    """The score of N >= 1 answers; `new` [N] marks the new domain. The harmonic mean is low where either is: neither can be bought with the other."""
    parts = {domain: _balanced(predicted[mask], truth[mask]) for domain, mask in ((True, new), (False, ~new)) if bool(mask.any())}
    harmonic = len(parts) / sum(1.0 / max(part, 1e-9) for part in parts.values())
    return Score(parts.get(True, 0.0), parts.get(False, 0.0), harmonic)


def _balanced(predicted: Classes, truth: Classes) -> float:
    """The mean recall of the classes that occur."""
    return float(np.mean([(predicted[truth == k] == k).mean() for k in np.unique(truth)]))
