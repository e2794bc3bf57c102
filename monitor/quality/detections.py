"""How a detector's boxes match the true ones: a frame's loss for the guaranteed alarm, and the newest frames' mean average precision.

Matching and average precision at IoU 0.5 as COCO has them (Lin et al. 2014; pycocotools): boxes of a class, best score first, each takes the unmatched
true box that it overlaps most, at least by half; precision is made monotone and read at 101 recalls.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from contracts.predictions import Box
from contracts.quality import Metric

IOU: Final = 0.5
SURE: Final = 0.5
"""Boxes of at least this score count in a frame's loss: what an operator would act on. Average precision looks at all."""
MOST_BOXES: Final = 100
"""Best boxes of a frame that are looked at, as in COCO."""
FRAMES: Final = 200
"""Labelled frames that mAP rests on, the newest."""
REPLICATES: Final = 200
EVERY: Final = 20
"""Frames after which mAP and its interval are worked out again: a fifth of a second."""


class Found(msgspec.Struct, frozen=True, array_like=True):
    """One box that was said: its class, its score, whether it met a true one."""

    label: str
    score: float
    hit: bool


class Matches(msgspec.Struct, frozen=True, array_like=True):
    """One frame: how many true boxes each class had, and the boxes said, best first."""

    true: dict[str, int]
    found: tuple[Found, ...]

    @property
    def loss(self) -> float:
        """1 - F1 of the boxes said with a score of at least SURE; 0 for an empty frame that was left empty. In [0, 1]."""
        sure = [one for one in self.found if one.score >= SURE]
        every = len(sure) + sum(self.true.values())
        return 1.0 - 2.0 * sum(one.hit for one in sure) / every if every else 0.0


class Window(msgspec.Struct):
    """The newest FRAMES labelled frames' matches, and their mAP at IoU 0.5 as of the last EVERY-th of them; None before, or without true boxes."""

    frames: list[Matches] = []
    taken: int = 0
    map50: Metric | None = None
    """With a 95 % bootstrap interval over frames: for one look, unlike those of the tallies."""

    def add(self, matches: Matches) -> None:
        """Take a frame; the oldest beyond FRAMES is forgotten."""
        self.frames = [*self.frames, matches][-FRAMES:]
        self.taken += 1
        if self.taken % EVERY == 0:
            self.map50 = bootstrapped(self.frames)


def bootstrapped(frames: Sequence[Matches]) -> Metric | None:
    """mAP with its interval over frames drawn again, the same for the same frames."""
    value = mean_average_precision(frames)
    if value is None:
        return None
    rng = np.random.default_rng(len(frames))
    drawn = rng.integers(0, len(frames), (REPLICATES, len(frames)))
    again = [m for rows in drawn if (m := mean_average_precision([frames[i] for i in rows])) is not None]
    low, high = np.quantile(again, (0.025, 0.975)).tolist()
    return Metric(value, min(low, value), max(high, value), len(frames))


def match(truth: Sequence[Box], said: Sequence[Box]) -> Matches:
    """Match a frame's boxes. Raises ValueError for a box whose corners or score are no numbers or in the wrong order."""
    for box in (*truth, *said):
        if not (box.x1 <= box.x2 and box.y1 <= box.y2 and 0 <= box.score <= 1):
            raise ValueError(f"a box is {box}: expected x1 <= x2, y1 <= y2 and a score of 0 to 1")
    best = sorted(said, key=lambda box: -box.score)[:MOST_BOXES]
    free = list(truth)
    found = []
    for box in best:
        overlaps = [(overlap(box, other), k) for k, other in enumerate(free) if other.label == box.label]
        largest, place = max(overlaps, default=(0.0, 0))
        hit = bool(largest >= IOU)
        if hit:
            del free[place]
        found.append(Found(box.label, box.score, hit))
    counts: dict[str, int] = {}
    for box in truth:
        counts[box.label] = counts.get(box.label, 0) + 1
    return Matches(counts, tuple(found))


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 when both are empty."""
    width = min(one.x2, other.x2) - max(one.x1, other.x1)
    height = min(one.y2, other.y2) - max(one.y1, other.y1)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((one.x2 - one.x1) * (one.y2 - one.y1) + (other.x2 - other.x1) * (other.y2 - other.y1) - both)


def mean_average_precision(frames: Iterable[Matches]) -> float | None:
    """mAP at IoU 0.5 over the classes with true boxes; None without any."""
    true: dict[str, int] = {}
    found: dict[str, list[Found]] = {}
    for frame in frames:
        for label, n in frame.true.items():
            true[label] = true.get(label, 0) + n
        for one in frame.found:
            found.setdefault(one.label, []).append(one)
    each = [_average_precision(found.get(label, []), true[label]) for label in sorted(true) if true[label]]
    return sum(each) / len(each) if each else None


def _average_precision(found: Sequence[Found], true: int) -> float:
    order = np.argsort([-one.score for one in found], kind="mergesort")
    hits = np.cumsum(np.array([one.hit for one in found], dtype=np.float64)[order]) if found else np.zeros(0)
    precision = hits / np.arange(1, len(hits) + 1)
    monotone = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / true, np.linspace(0.0, 1.0, 101), side="left")
    return float(np.append(monotone, 0.0)[np.minimum(places, len(hits))].mean())
