"""Frames whose labels contradict each other: the same picture with two labels, and nearly the same picture with two labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrain.data.duplicates import near_pairs
from retrain.models.session import Views


def conflicting(names: Sequence[str], labels: Sequence[str]) -> set[str]:
    """The frames (by SHA-256) that carry more than one label. They teach nothing and are left out."""
    told: dict[str, set[str]] = {}
    for name, label in zip(names, labels, strict=True):
        told.setdefault(name, set()).add(label)
    return {name for name, said in told.items() if len(said) > 1}


def contradicted(seen: Views, truth: NDArray[np.int64]) -> dict[int, int]:
    """Frames (by row) that nearly repeat one with another label, each with the first such label found (an index, as `truth` [N]).

    They stay: on a line that stands still the object may have changed and little else. A person should look.
    """
    found: dict[int, int] = {}
    for block in near_pairs(seen):
        apart = block[truth[block[:, 0]] != truth[block[:, 1]]]
        for i, j in apart.tolist():
            found.setdefault(i, int(truth[j]))
            found.setdefault(j, int(truth[i]))
    return dict(sorted(found.items()))
