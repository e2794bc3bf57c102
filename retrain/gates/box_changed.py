"""Frames on which two detectors differ: whose boxes got better, whose got worse, and the boxes to draw. For a person's eyes, no verdict."""

from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from contracts.predictions import Box
from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.changed import Change, Changed, Outline

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
        words = (_words(judged.truth[i]), _words(champion), _words(candidate))
        return Change(int(rows[i]), domain, judged.camera[i], *words, float(lead[i]), outlines)

    return Changed(of(lead > _NEGLIGIBLE), of(lead < -_NEGLIGIBLE))


def _acted_on(boxes: Iterable[Box], threshold: float) -> tuple[Box, ...]:
    return tuple(box for box in boxes if box.score >= threshold)


def _outlines(of: Literal["truth", "before", "after"], boxes: tuple[Box, ...]) -> tuple[Outline, ...]:
    return tuple(Outline(of, box.x1, box.y1, box.x2, box.y2) for box in boxes[:DRAWN])


def _words(boxes: tuple[Box, ...]) -> str:
    """`2 scratch, 1 dent`, or `nothing`."""
    counts = Counter(box.label for box in boxes)
    return ", ".join(f"{count} {label}" for label, count in sorted(counts.items())) or "nothing"
