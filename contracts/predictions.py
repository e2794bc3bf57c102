"""What a model said of a frame and what was true, for classifiers and detectors. Used in events, on the HTTP edge and in evaluation."""

import math
from typing import Literal

import msgspec

Variant = Literal["champion", "candidate", "shadow"]
Task = Literal["classification", "detection"]
KEPT_CLASSES = 64
"""Up to this many classes all probabilities are kept; above it the top 16 and the mass of the rest."""
KEPT_TOP = 16


class Classification(msgspec.Struct, frozen=True, tag="classification", tag_field="task", gc=False):
    """Class probabilities after temperature, most probable first.

    `labels` and `probabilities` are parallel; `rest` is the mass of the classes left out (0 up to 64 classes).
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    rest: float = 0.0

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.labels[0]

    @property
    def confidence(self) -> float:
        """The probability of the most probable class, in [0, 1]."""
        return self.probabilities[0]

    @property
    def entropy(self) -> float:
        """Shannon entropy in nats; the classes left out count as one."""
        return -sum(p * math.log(p) for p in (*self.probabilities, self.rest) if p > 0) + 0.0  # a certain answer's -0.0 becomes 0.0

    def probability_of(self, label: str) -> float:
        """The probability of `label`, 0 when it was not kept."""
        return self.probabilities[self.labels.index(label)] if label in self.labels else 0.0


class Box(msgspec.Struct, frozen=True, gc=False):
    """One object: corners in pixels of the frame as sent, x to the right, y down; `score` in [0, 1] (1 for ground truth)."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float
    score: float = 1.0


class Detections(msgspec.Struct, frozen=True, tag="detection", tag_field="task", gc=False):
    """The objects found in a frame, best first."""

    boxes: tuple[Box, ...]

    @property
    def confidence(self) -> float:
        """How sure the least sure box is: its margin between object and none, |2 score - 1| in [0, 1]; 1 when nothing was found.

        Every box is a decision, and the frame to label is the one with a toss-up in it (the maximum aggregation of Brust, Käding and Denzler, Active
        learning for deep object detection, 2019). The best box's score would call every empty frame unsure.
        """
        return min((abs(2 * box.score - 1) for box in self.boxes), default=1.0)

    @property
    def entropy(self) -> float:
        """Mean binary entropy of the boxes' scores in nats, 0 when nothing was found."""
        terms = [-(s * math.log(s) + (1 - s) * math.log(1 - s)) if 0 < s < 1 else 0.0 for s in (box.score for box in self.boxes)]
        return sum(terms) / len(terms) if terms else 0.0


Prediction = Classification | Detections


class Scored(msgspec.Struct, frozen=True):
    """One version's prediction of a frame."""

    version: str
    variant: Variant
    prediction: Prediction


class ClassTruth(msgspec.Struct, frozen=True, tag="classification", tag_field="task"):
    """The true class of a frame."""

    label: str


class BoxesTruth(msgspec.Struct, frozen=True, tag="detection", tag_field="task"):
    """The true objects of a frame; none is a truth too."""

    boxes: tuple[Box, ...]


Truth = ClassTruth | BoxesTruth


def classification(labels: tuple[str, ...], probabilities: list[float]) -> Classification:
    """Order the probabilities (parallel to `labels`, summing to 1) and keep what an event carries. Rounded to 6 digits."""
    order = sorted(range(len(labels)), key=probabilities.__getitem__, reverse=True)
    kept = order if len(labels) <= KEPT_CLASSES else order[:KEPT_TOP]
    rest = 0.0 if len(kept) == len(labels) else max(0.0, 1.0 - sum(probabilities[i] for i in kept))
    return Classification(tuple(labels[i] for i in kept), tuple(round(float(probabilities[i]), 6) for i in kept), round(rest, 6))
