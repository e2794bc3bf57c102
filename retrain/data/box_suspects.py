"""Which boxes a person should look at again: those that a detector, which never learned from the frame, contradicts where it is sure.

The kinds of error are those of ObjectLab (Tkachenko, Thyagarajan and Mueller 2023): an object that was overlooked, a box that lies beside its object, a class
that should be another. Sure is what scores as high as three of four boxes of its class that meet a labelled one do, so that a domain in which the detector is
less sure of everything is not doubted for it (confident learning takes their mean: Northcutt, Jiang and Chuang 2021). A labelled box at which the detector
sees nothing is not doubted: detectors miss more than people invent.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from contracts.predictions import Box
from contracts.quality_detection import IOU, overlap

NEAR: Final = 0.1
APART: Final = 0.3
"""Intersection over union from which a box may be meant for a labelled one of its class, and from which it is: detectors are seldom farther off than that where
they are sure, and often off by a little (measured on composed frames: of 189 sure boxes 16 under 0.5, two under 0.3)."""
SURE: Final = 0.25
"""Quantile of the scores that are right, from which a box is sure."""
Boxes = Sequence[Sequence[Box]]


class Doubt(NamedTuple):
    """What speaks against a frame's label: the score of the surest box that contradicts it, and in words what it shows."""

    score: float
    likely: str


class Doubted(NamedTuple):
    """Of N frames: whether the detector is sure of something there, and what of it speaks against the label."""

    sure: tuple[bool, ...]
    doubts: tuple[Doubt | None, ...]


def doubted(truth: Boxes, said: Boxes) -> Doubted:
    """Of N frames with their labelled boxes, by the boxes that a detector says which never learned from them."""
    usual = _usual(truth, said)
    sure, doubts = [], []
    for true, boxes in zip(truth, said, strict=True):
        strong = sorted((box for box in boxes if box.score >= usual.get(box.label, np.inf)), key=lambda box: -box.score)
        against = ((box.score, _against(box, true)) for box in strong)
        sure.append(bool(strong))
        doubts.append(next((Doubt(score, words) for score, words in against if words), None))
    return Doubted(tuple(sure), tuple(doubts))


def _usual(truth: Boxes, said: Boxes) -> dict[str, float]:
    """The score from which a box of a class is sure."""
    scores: dict[str, list[float]] = {}
    for true, boxes in zip(truth, said, strict=True):
        for box in boxes:
            if _nearest(box, [other for other in true if other.label == box.label])[0] >= IOU:
                scores.setdefault(box.label, []).append(box.score)
    return {label: float(np.quantile(found, SURE)) for label, found in scores.items()}


def _against(box: Box, truth: Sequence[Box]) -> str:
    """What a box that is sure says against the label; "" where it meets a labelled one of its class."""
    met, own = _nearest(box, [one for one in truth if one.label == box.label])
    if met >= APART:
        return ""
    place = f"{box.label} at {box.x1:.0f}, {box.y1:.0f} to {box.x2:.0f}, {box.y2:.0f}"
    crossed, other = _nearest(box, [one for one in truth if one.label != box.label])
    if other is not None and crossed >= IOU:
        return f"a {place}, labelled {other.label}"
    return f"the {place}, labelled beside it" if own is not None and met >= NEAR else f"a {place}, not labelled"


def _nearest(box: Box, others: Sequence[Box]) -> tuple[float, Box | None]:
    """The largest overlap with one of them, and which."""
    found = max(((overlap(box, other), -place) for place, other in enumerate(others)), default=None)
    return (0.0, None) if found is None else (found[0], others[-found[1]])
