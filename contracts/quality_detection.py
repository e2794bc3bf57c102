"""The quality of a detector: one definition for the benchmark, the gates and the live figures.

Matching and average precision as COCO has them (Lin et al. 2014; pycocotools): boxes of a class, best score first, each takes the unmatched true box that
it overlaps most, at least by the IoU asked for; precision is made monotone and read at 101 recalls.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from contracts.predictions import Box
from contracts.quality import Metric

IOU: Final = 0.5
STRICTER: Final = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
"""COCO's main figure is the mean over these."""
SURE: Final = 0.5
"""Boxes of at least this score count in a frame's loss: what an operator would act on. Average precision looks at all."""
MOST_BOXES: Final = 100
"""Best boxes of a frame that are looked at, as in COCO."""
REPLICATES: Final = 200
_AT_ONCE: Final = 1 << 20
"""Numbers in one array: 8 MB, and half a dozen of them."""
_RECALLS: Final = np.linspace(0.0, 1.0, 101)
Floats = NDArray[np.float64]


class DetectionQuality(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A detector's quality on labelled frames. Intervals are 95 %, over groups of frames drawn again; `n` counts frames, in `per_class` true boxes.

    `map50` and `map` (0.5 to 0.95) are means over the classes that occur, `per_class` holds their average precision at 0.5. `frame_loss` is the mean of
    1 - F1 of a frame's boxes with a score of at least the manifest's threshold.
    """

    map50: Metric
    map: Metric
    frame_loss: Metric
    per_class: dict[str, Metric]


class Found(msgspec.Struct, frozen=True, array_like=True):
    """One box that was said: its class, its score, whether it met a true one."""

    label: str
    score: float
    hit: bool


class Matches(msgspec.Struct, frozen=True, array_like=True):
    """One frame: how many true boxes each class had, and the boxes said, best first."""

    true: dict[str, int]
    found: tuple[Found, ...]

    def loss(self, threshold: float = SURE) -> float:
        """1 - F1 of the boxes said with a score of at least `threshold`; 0 for an empty frame that was left empty. In [0, 1]."""
        sure = [one for one in self.found if one.score >= threshold]
        every = len(sure) + sum(self.true.values())
        return 1.0 - 2.0 * sum(one.hit for one in sure) / every if every else 0.0


def match(truth: Sequence[Box], said: Sequence[Box], iou: float = IOU) -> Matches:
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
        hit = bool(largest >= iou)
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


def mean_average_precision(frames: Sequence[Matches]) -> float | None:
    """The mean over the classes with true boxes, at the IoU that the frames were matched with; None without any."""
    each = average_precisions(frames, np.ones((1, len(frames)), np.int64))
    return float(_means(each)[0]) if each else None


def bootstrapped(frames: Sequence[Matches]) -> Metric | None:
    """mAP with its interval over frames drawn again, the same for the same frames; None without true boxes."""
    each = average_precisions(frames, _times(np.arange(len(frames)))) if frames else {}
    return _first(_means(each), len(frames)) if each else None


def quality(
    truth: Sequence[Sequence[Box]], said: Sequence[Sequence[Box]], group: Sequence[int], threshold: float = SURE
) -> DetectionQuality:
    """The quality of N frames' boxes; `group` [N] numbers recordings, whose frames are drawn together. Raises ValueError without true boxes."""
    if not len(truth) == len(said) == len(group):
        raise ValueError(f"there are {len(truth)} truths, {len(said)} answers and {len(group)} groups; expected one each a frame")
    times = _times(np.asarray(group))
    matched = {iou: [match(*boxes, iou) for boxes in zip(truth, said, strict=True)] for iou in STRICTER}
    each = average_precisions(matched[IOU], times)
    if not each:
        raise ValueError("quality needs at least one true box")
    strict = np.mean([_means(average_precisions(frames, times)) for frames in matched.values()], axis=0)
    losses = times @ np.array([one.loss(threshold) for one in matched[IOU]]) / times.sum(axis=1)
    boxes = {label: sum(one.true.get(label, 0) for one in matched[IOU]) for label in each}
    return DetectionQuality(
        map50=_first(_means(each), len(truth)),
        map=_first(strict, len(truth)),
        frame_loss=_first(losses, len(truth)),
        per_class={label: _first(found, boxes[label]) for label, found in each.items()},
    )


def average_precisions(frames: Sequence[Matches], times: NDArray[np.int64]) -> dict[str, Floats]:
    """[R] for each class with true boxes: its average precision where frame i counts `times` [R, i] times; NaN where no true box of it is left."""
    labels = sorted({label for frame in frames for label, n in frame.true.items() if n})
    found: dict[str, list[tuple[float, int, bool]]] = {label: [] for label in labels}
    for i, frame in enumerate(frames):
        for one in frame.found:
            if one.label in found:
                found[one.label].append((-one.score, i, one.hit))
    each = {}
    for label in labels:
        said = sorted(found[label], key=lambda one: one[0])
        which, hit = np.array([i for _, i, _ in said], np.int64), np.array([hit for *_, hit in said], bool)
        true = times @ np.array([frame.true.get(label, 0) for frame in frames])
        step = max(1, _AT_ONCE // max(1, len(which)))
        parts = [slice(at, at + step) for at in range(0, len(times), step)]
        each[label] = np.concatenate([_average_precision(times[part][:, which], hit, true[part]) for part in parts])
    return each


def _average_precision(times: NDArray[np.int64], hit: NDArray[np.bool_], true: NDArray[np.int64]) -> Floats:
    """[R] of n boxes, best score first: `times` [R, n] each occurs, whether it is a `hit` [n], and how many true boxes there are [R]."""
    hits, said = np.cumsum(times * hit, axis=1), np.cumsum(times, axis=1)
    precision = hits / np.maximum(said, 1)
    monotone = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.concatenate([monotone, np.zeros((len(times), 1))], axis=1)
    recall = hits / np.maximum(true, 1)[:, None]
    places = [np.searchsorted(row, _RECALLS, side="left") for row in recall]
    area = np.take_along_axis(padded, np.stack(places), axis=1).mean(axis=1)
    return np.where(true > 0, area, np.nan)


def _times(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """[1 + REPLICATES, N]: that each frame occurs once, and how often it does when its groups are drawn anew, the same for the same groups."""
    _, place = np.unique(group, return_inverse=True)
    most = int(place.max(initial=0)) + 1
    drawn = np.random.default_rng(len(group)).integers(0, most, (REPLICATES, most))
    return np.stack([np.ones(most, np.int64), *(np.bincount(row, minlength=most) for row in drawn)])[:, place]


def _means(each: Mapping[str, Floats]) -> Floats:
    """[R]: the mean over the classes that have true boxes there, NaN where none has."""
    values = np.stack(list(each.values()))
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def _first(values: Floats, n: int) -> Metric:
    """The first value, with the interval of the others."""
    value, again = float(values[0]), values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(again, (0.025, 0.975)).tolist() if len(again) else (value, value)
    return Metric(value, min(low, value), max(high, value), n)
