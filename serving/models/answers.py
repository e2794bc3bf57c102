"""From a graph's answers to predictions, one reader for each task: class probabilities of scores, boxes in pixels of the frame as sent."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from contracts.detections import detections, way
from contracts.frame_header import Header
from contracts.manifest import Manifest
from contracts.predictions import Prediction, classification
from serving.models.probabilities import to_probabilities
from serving.models.runners import Floats


class Said(NamedTuple):
    """What a version says of one frame; `probabilities` are all of a classifier's, in the order of its labels, and none of a detector."""

    prediction: Prediction
    probabilities: Sequence[float]


class Reader(Protocol):
    """Reads the graph's answers to a batch of frames."""

    def read(self, answers: Floats, headers: Sequence[Header]) -> Iterable[Said | None]:
        """What is said of each frame; None where it is no number. `headers` are those of the frames as sent."""


class Classes:
    """Reads scores [n, K]."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def read(self, answers: Floats, headers: Sequence[Header]) -> Iterable[Said | None]:
        """See Reader."""
        labels = self._manifest.labels
        rows = to_probabilities(answers, self._manifest).tolist()
        return [Said(classification(labels, row), row) if math.isfinite(sum(row)) else None for row in rows]


class Boxes:
    """Reads boxes [n, M, 6]."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

    def read(self, answers: Floats, headers: Sequence[Header]) -> Iterable[Said | None]:
        """See Reader."""
        labels, spec = self._manifest.labels, self._manifest.input
        found = (detections(rows, labels, way(header, spec)) for rows, header in zip(answers, headers, strict=True))
        return [None if one is None else Said(one, ()) for one in found]


def reader(manifest: Manifest) -> Reader:
    """The reader of a version's answers."""
    return Boxes(manifest) if manifest.task == "detection" else Classes(manifest)
