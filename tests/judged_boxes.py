"""Labelled frames as two detectors judge them, drawn: for the tests of a detector's gates."""

from collections.abc import Mapping

import numpy as np

from contracts.predictions import Box
from retrain.gates.box_evidence import JudgedBoxes

LABELS = ("bolt", "nut")
THRESHOLD = 0.5


def judged(
    n: int,
    champion: float,
    candidate: float,
    seed: int,
    *,
    together: float = 0.9,
    block: int = 1,
    forgot: Mapping[str, float] | None = None,
    invents: float = 0.2,
) -> JudgedBoxes:
    """Two detectors that find the given share of 0 to 4 objects a frame; they agree on the share `together` of them. Recordings of `block` frames.

    Of the classes in `forgot` the candidate finds that share instead. Either sees something where nothing is, at a low score, in a share of frames.
    """
    random = np.random.default_rng(seed)
    truth, sides = [], [list[tuple[Box, ...]](), list[tuple[Box, ...]]()]
    for _ in range(n):
        places = random.permutation(16)[: random.integers(0, 5)]
        boxes = [_box(random, int(place)) for place in places]
        luck = random.random(len(boxes))
        own = np.where(random.random(len(boxes)) < together, luck, random.random(len(boxes)))
        truth.append(tuple(boxes))
        for side, share, fortune in ((0, champion, luck), (1, candidate, own)):
            rates = [(forgot or {}).get(box.label, share) if side else share for box in boxes]
            found = [_said(random, box) for box, rate, at in zip(boxes, rates, fortune, strict=True) if at < rate]
            if random.random() < invents:
                found.append(Box(str(random.choice(LABELS)), 500, 500, 540, 540, float(random.uniform(0.06, 0.5))))
            sides[side].append(tuple(sorted(found, key=lambda box: -box.score)))
    cameras, groups = tuple(f"cam-{i % 2}" for i in range(n)), tuple(f"r{i // block}" for i in range(n))
    return JudgedBoxes(tuple(truth), tuple(sides[0]), tuple(sides[1]), cameras, groups, THRESHOLD)


def _box(random: np.random.Generator, place: int) -> Box:
    x, y, side = place % 4 * 100.0, place // 4 * 100.0, float(random.uniform(12, 80))
    return Box(LABELS[int(random.random() < 0.4)], x, y, x + side, y + side)


def _said(random: np.random.Generator, box: Box) -> Box:
    """The box, a little beside, with a score that is its chance of being right: all of these are."""
    off = float(random.uniform(0, 0.04)) * (box.x2 - box.x1)
    return Box(box.label, box.x1 + off, box.y1, box.x2 + off, box.y2, float(random.uniform(0.9, 1.0)))
