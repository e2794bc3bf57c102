"""Reference frames and live frames as rows of one table: the same columns, in the same units, at the same precision, so that equal values are equal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts import box_statistics
from contracts.baseline import Baseline
from contracts.events import FrameLabelled, FrameScored
from contracts.predictions import KEPT_CLASSES, Classification, ClassTruth
from contracts.statistics import NUMERIC, vector

AXES_SHOWN: Final = 8
CLASSES_SHOWN: Final = 8
"""Classes with a column of their own: those with the most mass in the reference."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """`values` [n, columns], and each row's predicted class; no classes for a detector."""

    columns: tuple[str, ...]
    values: Floats
    said: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was true and what the model said, of the same frames."""

    truth: tuple[str, ...]
    said: tuple[str, ...]


class Layout:
    """Which columns a version's table has: image statistics, embedding axes, then confidence, entropy and probabilities of a classifier, or what a
    detector's boxes are watched by."""

    def __init__(self, baseline: Baseline) -> None:
        self._labels = baseline.labels if baseline.answers is None else ()
        self._objects = baseline.labels if baseline.answers is not None else ()
        self._width = baseline.embedding.shape[1]
        self._axes = min(AXES_SHOWN, self._width)
        mass = baseline.probabilities.mean(axis=0) if len(baseline) else np.zeros(len(self._labels))
        self._shown = sorted(int(i) for i in np.argsort(-mass, kind="stable")[:CLASSES_SHOWN])
        if len(self._labels) == 2:
            self._shown = [1]  # the other one says the same
        classes = () if not self._labels else ("confidence", *(f"p({self._labels[i]})" for i in self._shown))
        if 0 < len(self._labels) <= KEPT_CLASSES:
            classes = (classes[0], "entropy", *classes[1:])
        boxes = box_statistics.names(self._objects) if self._objects else ()
        self.columns = (*NUMERIC, *(f"embedding {i + 1}" for i in range(self._axes)), *classes, *boxes)

    def reference(self, baseline: Baseline) -> Rows:
        """The reference frames."""
        parts: list[NDArray[Any]] = [baseline.statistics, baseline.embedding[:, : self._axes]]
        said: tuple[str, ...] = ()
        if self._labels:
            shares = baseline.probabilities.astype(np.float64)
            parts.append(shares.max(axis=1, keepdims=True))
            if len(self._labels) <= KEPT_CLASSES:
                parts.append(-(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1, keepdims=True))
            parts.append(shares[:, self._shown])
            said = tuple(self._labels[i] for i in shares.argmax(axis=1))
        if baseline.answers is not None:
            parts.append(baseline.answers)
        return Rows(self.columns, _single(np.hstack(parts)), said)

    def live(self, frames: Sequence[FrameScored]) -> tuple[Rows, int]:
        """Live frames, and how many were left out because they lack the embedding or the kind of answer that the reference has, or have no finite number."""
        rows, said = [], []
        for frame in frames:
            row = self._row(frame)
            if row is not None and np.isfinite(row).all():
                rows.append(row)
                if isinstance(frame.prediction, Classification):
                    said.append(frame.prediction.label)
        values = _single(np.array(rows, dtype=np.float64).reshape(len(rows), len(self.columns)))
        return Rows(self.columns, values, tuple(said)), len(frames) - len(rows)

    def _row(self, frame: FrameScored) -> list[float] | None:
        answer = frame.prediction
        if len(frame.embedding) != self._width or isinstance(answer, Classification) != bool(self._labels):
            return None
        row = [*vector(frame.statistics), *frame.embedding[: self._axes]]
        if isinstance(answer, Classification):
            row.append(answer.confidence)
            if len(self._labels) <= KEPT_CLASSES:
                row.append(answer.entropy)
            row += [answer.probability_of(self._labels[i]) for i in self._shown]
        elif self._objects:
            row += box_statistics.vector(answer, self._objects, frame.width, frame.height)
        return row


def reference_answers(baseline: Baseline) -> Answers:
    """The reference frames whose truth is known."""
    known = np.flatnonzero(baseline.truth >= 0)
    if not len(known):
        return Answers((), ())
    best = baseline.probabilities[known].argmax(axis=1)
    return Answers(tuple(baseline.labels[i] for i in baseline.truth[known]), tuple(baseline.labels[i] for i in best))


def live_answers(labels: Sequence[FrameLabelled], version: str) -> Answers:
    """What labels say of a version's answers: only those of uniformly sampled frames, which measure without bias."""
    truth, said = [], []
    for label in labels:
        scored = next((s for s in label.predictions if s.version == version and s.variant == "champion"), None)
        if label.sample != "uniform" or label.audit or scored is None:
            continue
        if isinstance(label.truth, ClassTruth) and isinstance(scored.prediction, Classification):
            truth.append(label.truth.label)
            said.append(scored.prediction.label)
    return Answers(tuple(truth), tuple(said))


def _single(values: NDArray[np.float64] | NDArray[np.float32]) -> Floats:
    """Rounded to float32, which the baseline is kept in: a constant of the reference is then the same constant live."""
    return values.astype(np.float32).astype(np.float64)
