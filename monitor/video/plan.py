"""How a version's frames are watched on a video camera: which numbers a frame brings, which features follow, which aspects judge them.

A classifier with a usable baseline brings its image, answers and embedding; a detector its image and its boxes, which count by their scores (see
contracts/box_statistics.py); any other version the image alone.
Features are not winsorised at the baseline's range: it may never have seen a night. Only the Fourier features, bounded anyway, keep the version's map.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts import box_statistics
from contracts.events import FrameScored
from contracts.manifest import InputSpec
from contracts.predictions import Detections
from contracts.statistics import NUMERIC, vector
from monitor.detectors import mmd
from monitor.detectors.ewma import Floats
from monitor.items.answers import IncompleteFrameError
from monitor.items.features import Rows, levelled
from monitor.items.reference import Reference
from monitor.standard import Standard
from monitor.video import aspects, limits
from monitor.video.aspect import Aspect

IMAGE: Final = aspects.image()
SHARES: Final = {"image": 0.25, "answers": 0.35, "embedding": 0.25, "kernel": 0.15}
"""Of the budget of false alarms, by aspect: about by the number of tests. What a version does not have is not spent."""


@dataclass(frozen=True)
class Judged:
    """An aspect, its columns among a plan's features, and the tails [C, P, S] of its limits."""

    aspect: Aspect
    columns: slice
    tail: Floats


@dataclass(frozen=True)
class Plan:
    """`row` takes a frame's numbers (raises IncompleteFrameError); `features` makes [n, F] of rows [n, width]; `judged` lists the aspects, image first.
    `pixels` says what the image is measured on, "" where the version's manifest cannot be read: versions of the same pixels share its history."""

    width: int
    row: Callable[[FrameScored], list[float]]
    features: Callable[[Rows], Floats]
    judged: tuple[Judged, ...]
    pixels: str
    accuracy: float | None = None
    """True accuracy of the version's reference: what estimates start from."""

    def source(self, aspect: Aspect, version: str) -> str:
        """What an aspect's record belongs to beside its camera: the image to the pixels, the rest to the version."""
        return self.pixels if aspect is IMAGE else version


def plan(standard: Standard, budget: float) -> Plan:
    """The plan of a version, for a budget of false alarms of a camera a month."""
    pixels = _pixels(standard.manifest.input) if standard.manifest is not None else ""
    if standard.manifest is not None and standard.manifest.task == "detection":
        return _detector(standard.reference, pixels, budget)
    if standard.reference is not None:
        return _classifier(standard.reference, pixels, budget)
    return Plan(len(NUMERIC), lambda frame: vector(frame.statistics), _levelled, _judged((IMAGE,), budget), pixels)


def _pixels(seen: InputSpec) -> str:
    """How a frame was decoded and fitted before it was measured: other pixels have other statistics, if only a little."""
    return f"{seen.width}x{seen.height} {seen.fit} {seen.decode}"


def _classifier(reference: Reference, pixels: str, budget: float) -> Plan:
    layout, accuracy = reference.layout, reference.accuracy
    first = len(NUMERIC) + layout.axes
    said = aspects.answers(layout.labels, accuracy is not None)
    watched = [IMAGE, said]
    if layout.axes:
        watched += [aspects.embedding(layout.axes), aspects.kernel()]

    def features(rows: Rows) -> Floats:
        statistics, embedding, _ = layout.split(rows)
        mapped = reference.features(rows)[:, first:]  # Fourier features, then the answers
        waves, answers = mapped[:, : mmd.FEATURES], mapped[:, mmd.FEATURES : mmd.FEATURES + len(said.features)]
        parts = [levelled(statistics), answers] + ([embedding, waves] if layout.axes else [])
        return np.concatenate(parts, axis=1)

    return Plan(layout.width, layout.row, features, _judged(watched, budget), pixels, accuracy)


def _detector(reference: Reference | None, pixels: str, budget: float) -> Plan:
    """The embedding is watched where there is a reference with axes of it, as a classifier's is."""
    said = aspects.detections()
    if reference is None or not reference.layout.axes:
        return Plan(len(NUMERIC) + len(said.features), _boxes, _levelled, _judged((IMAGE, said), budget), pixels)
    layout, width = reference.layout, reference.layout.width
    first = len(NUMERIC) + layout.axes

    def row(frame: FrameScored) -> list[float]:
        return [*layout.row(frame), *_boxes(frame)[len(NUMERIC) :]]

    def features(rows: Rows) -> Floats:
        statistics, embedding, _ = layout.split(rows[:, :width])
        waves = reference.features(rows[:, :width])[:, first : first + mmd.FEATURES]
        return np.concatenate([levelled(statistics), rows[:, width:].astype(np.float64), embedding, waves], axis=1)

    watched = [IMAGE, said, aspects.embedding(layout.axes), aspects.kernel()]
    return Plan(width + len(said.features), row, features, _judged(watched, budget), pixels)


def _judged(watched: list[Aspect] | tuple[Aspect, ...], budget: float) -> tuple[Judged, ...]:
    found, start = [], 0
    for aspect in watched:
        columns = slice(start, start + len(aspect.features))
        start = columns.stop
        found.append(Judged(aspect, columns, limits.tails(aspect, budget * SHARES[aspect.name])))
    return tuple(found)


def _boxes(frame: FrameScored) -> list[float]:
    """Statistics, expected objects, their mean doubt, and the mean share of the frame that one covers."""
    if not isinstance(frame.prediction, Detections):
        raise IncompleteFrameError("a detector's frame without detections")
    return [*vector(frame.statistics), *box_statistics.weighed(frame.prediction.boxes, frame.width, frame.height)]


def _levelled(rows: Rows) -> Floats:
    wide: NDArray[np.float64] = rows.astype(np.float64)
    wide[:, : len(NUMERIC)] = levelled(wide[:, : len(NUMERIC)])
    return wide
