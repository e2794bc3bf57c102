"""Which boxes a detector's job doubts: those of frames that the candidate did not learn from, in validation and in the gate."""

import numpy as np
from numpy.typing import NDArray

from retrain.data.box_suspects import Doubted, doubted
from retrain.request import Suspect, in_words
from retrain.trainer.detector_training import Candidate, Shop, truths
from retrain.trainer.review import MOST


def doubted_boxes(its: Shop, candidate: Candidate, new: bool) -> Doubted:
    """What speaks against the labels of one domain, frame by frame; but for those that a person has confirmed."""
    rows, true = _looked_at(its, new), truths(its.material)
    return doubted([true[row].boxes for row in rows], [candidate.said[row] for row in rows])


def suspects(its: Shop, candidate: Candidate) -> tuple[Suspect, ...]:
    """The doubted labels of frames that came with an id, the surest contradiction first; nothing is left out for it."""
    found, items = [], its.material.dataset.items
    for new in (True, False):
        for row, doubt in zip(_looked_at(its, new).tolist(), doubted_boxes(its, candidate, new).doubts, strict=True):
            if doubt is not None and items[row].frame_id:
                found.append(Suspect(items[row].frame_id, in_words(items[row].truth), doubt.likely, round(1.0 - doubt.score, 4)))
    return tuple(sorted(found, key=lambda one: (one.probability, one.frame_id))[:MOST])


def _looked_at(its: Shop, new: bool) -> NDArray[np.int64]:
    material, right = its.material, frozenset(its.request.confirmed)
    open_still = np.array([item.frame_id not in right for item in material.dataset.items], dtype=np.bool_)
    return np.flatnonzero((material.new == new) & ~material.dataset.where("train") & open_still)
