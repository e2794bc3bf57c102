"""Frames on which two detectors differ: whose boxes got better, whose got worse, the boxes to draw, and how each fares under each corruption. For a person's
eyes, no verdict."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from contracts.predictions import Box, BoxesTruth
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.changed import Cell, Change, Changed, Outline
from retrain.gates.corruptions import CORRUPTIONS
from retrain.request import in_words

DRAWN: Final = 40
"""Boxes of each kind on a picture."""
_NEGLIGIBLE: Final = 1e-9


def box_changed(judged: JudgedBoxes, rows: NDArray[np.int64], domain: str) -> Changed:
    """The frames whose F1 moved, the largest moves first; `rows` [N] are those of the dataset. Boxes that nobody would act on are left out."""
    before, after = judged.losses
    lead = before - after
    own = judged.threshold if judged.candidate_threshold is None else judged.candidate_threshold

    def of(mask: NDArray[np.bool_]) -> tuple[Change, ...]:
        found = np.flatnonzero(mask)
        return tuple(one(int(i)) for i in found[np.argsort(-np.abs(lead[found]), kind="stable")])

    def one(i: int) -> Change:
        champion, candidate = _acted_on(judged.champion[i], judged.threshold), _acted_on(judged.candidate[i], own)
        outlines = (*_outlines("truth", judged.truth[i]), *_outlines("before", champion), *_outlines("after", candidate))
        words = [in_words(BoxesTruth(boxes)) for boxes in (judged.truth[i], champion, candidate)]
        return Change(int(rows[i]), domain, judged.camera[i], words[0], words[1], words[2], float(lead[i]), outlines)

    return Changed(of(lead > _NEGLIGIBLE), of(lead < -_NEGLIGIBLE))


def box_grid(stressed: JudgedBoxes, labels: Sequence[str]) -> dict[str, tuple[Cell, ...]]:
    """A row of cells, in the order of CORRUPTIONS, for each class that occurs among images under each of CORRUPTIONS in turn: the mean loss of the frames that
    show it, in its boxes alone."""
    rows = {}
    for label in labels:
        part = stressed.of(lambda box, label=label: box.label == label)  # type: ignore[misc]
        if len(part):
            losses = np.stack(part.losses).reshape(2, -1, len(CORRUPTIONS))
            rows[label] = tuple(Cell(float(a), float(b), losses.shape[1]) for a, b in losses.mean(axis=1).T)
    return rows


def _acted_on(boxes: Iterable[Box], threshold: float) -> tuple[Box, ...]:
    return tuple(box for box in boxes if box.score >= threshold)


def _outlines(of: Literal["truth", "before", "after"], boxes: tuple[Box, ...]) -> tuple[Outline, ...]:
    return tuple(Outline(of, box.x1, box.y1, box.x2, box.y2) for box in boxes[:DRAWN])
