"""Which of a job's labels a person should look at again: those that the heads doubt, and those of frames that nearly repeat one with another label."""

from collections.abc import Collection
from typing import Final

import numpy as np

from retrain.data.conflicts import contradicted
from retrain.data.material import Material
from retrain.data.suspects import suspects
from retrain.request import Suspect
from retrain.trainer.rework import Rework

MOST: Final = 200
"""A person looks at so many at most; the least probable labels come first."""


def doubted(material: Material, rework: Rework, confirmed: Collection[str] = ()) -> tuple[Suspect, ...]:
    """The doubted labels of frames that came with an id (those of a first version have none): nothing is left out for it.

    Those of frames in `confirmed` were looked at again and called right: they are in no doubt.
    """
    found = contradicted(material.seen, material.truth)
    for domain in (
        material.new,
        ~material.new,
    ):  # heads are surer of what they knew before: together, no new frame would speak against its label
        index = np.flatnonzero(domain)
        rows, likely = suspects(material.truth[index], rework.probabilities[index])
        found |= dict(zip(index[rows].tolist(), likely.tolist(), strict=True))
    items, labels, right = material.dataset.items, material.dataset.labels, frozenset(confirmed)
    listed = [
        Suspect(
            items[row].frame_id, items[row].label, labels[other], round(float(rework.probabilities[row, material.truth[row]]), 4)
        )
        for row, other in found.items()
        if items[row].frame_id and items[row].frame_id not in right
    ]
    return tuple(sorted(listed, key=lambda one: (one.probability, one.frame_id))[:MOST])
