"""What a version's answers bring to a frame's row, and how they are watched: a classifier's probabilities, or a detector's boxes."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from contracts import box_statistics
from contracts.baseline import Baseline
from contracts.events import FrameScored
from contracts.predictions import Classification, Detections
from monitor.detectors import softmax
from monitor.detectors.ewma import Floats

PROBABILITY_WEIGHT: Final = 3.0
"""A class probability's deviation is about a third: so it weighs as much as other values do in their deviations."""
LEAST_ENTROPY: Final = 0.05
"""Nats: a deviation below it is that of a model that is always sure."""
LEAST_DOUBT: Final = 0.02
"""The same of a frame's mean doubt."""
FEW_OBJECTS: Final = 0.5
"""A frame with fewer expected objects is taken for an empty one."""


class IncompleteFrameError(Exception):
    """A frame that lacks what its version's baseline needs to be judged; the message says what."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What of the mean answers [K + 2] stands beside a form's standardised values: `columns` [A], multiplied by `weight` [A]. The last one rises as the
    model gets unsure."""

    columns: NDArray[np.intp]
    weight: Floats

    def __call__(self, answers: Floats) -> Floats:
        """Of answers [..., K + 2], [..., A]."""
        return np.asarray(answers[..., self.columns] * self.weight)


class Answers(Protocol):
    """`width` numbers of a row; of them K + 2 features, with `names` and `floor`, the changes that nobody is called for; `channel` is theirs. `groups`
    are what a frame may be taken for."""

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def channel(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def floor(self) -> tuple[float, ...]: ...
    @property
    def groups(self) -> tuple[str, ...]: ...

    def row(self, frame: FrameScored) -> list[float]:
        """The numbers [width] of a live frame. Raises IncompleteFrameError."""

    def reference(self, baseline: Baseline) -> Floats:
        """The numbers [N, width] of the reference frames, as events carry them."""

    def features(self, said: Floats) -> Floats:
        """[n, K + 2] of numbers [n, width]."""

    def group(self, said: Floats) -> NDArray[np.intp]:
        """What each frame [n] is taken for, as a number of `groups`."""

    def beside(self, features: Floats, kept: NDArray[np.intp]) -> Beside:
        """How the answers of a reference [N, K + 2] stand beside its values, its groups `kept`."""


@dataclass(frozen=True, slots=True)
class Classes:
    """A classifier's probabilities; a frame is taken for the most probable class."""

    labels: tuple[str, ...]
    channel: str = "softmax"

    @property
    def width(self) -> int:
        """See Answers."""
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """See Answers."""
        return softmax.names(self.labels)

    @property
    def floor(self) -> tuple[float, ...]:
        """A hundredth of a share or of confidence, 0.02 nats of entropy."""
        return (*(0.01 for _ in self.labels), 0.01, 0.02)

    @property
    def groups(self) -> tuple[str, ...]:
        """See Answers."""
        return self.labels

    def row(self, frame: FrameScored) -> list[float]:
        """See Answers."""
        if not isinstance(frame.prediction, Classification):
            raise IncompleteFrameError("frames carry detections, the baseline's version tells classes")
        said = dict(zip(frame.prediction.labels, frame.prediction.probabilities, strict=False))
        return [said.get(label, 0.0) for label in self.labels]

    def reference(self, baseline: Baseline) -> Floats:
        """See Answers."""
        return softmax.as_sent(baseline.probabilities.astype(np.float64))

    def features(self, said: Floats) -> Floats:
        """See Answers."""
        return softmax.features(said)

    def group(self, said: Floats) -> NDArray[np.intp]:
        """See Answers."""
        return np.asarray(said.argmax(axis=1))

    def beside(self, features: Floats, kept: NDArray[np.intp]) -> Beside:
        """The probabilities of the classes kept, and the entropy in its deviations; confidence says what entropy says."""
        deviation = max(float(features[:, -1].std()), LEAST_ENTROPY)
        return Beside(np.append(kept, len(self.labels) + 1), np.append(np.full(len(kept), PROBABILITY_WEIGHT), 1 / deviation))


@dataclass(frozen=True, slots=True)
class Boxes:
    """A detector's boxes (see contracts/box_statistics.py); a frame is taken for the class it has most objects of, or for an empty one."""

    labels: tuple[str, ...]
    channel: str = "detections"

    @property
    def width(self) -> int:
        """See Answers."""
        return len(self.labels) + 2

    @property
    def names(self) -> tuple[str, ...]:
        """See Answers."""
        return box_statistics.names(self.labels)

    @property
    def floor(self) -> tuple[float, ...]:
        """Of the objects of a class about a twentieth more or fewer, a hundredth of doubt, a five-hundredth of the frame's area."""
        return (*(0.05 for _ in self.labels), 0.01, 0.002)

    @property
    def groups(self) -> tuple[str, ...]:
        """See Answers."""
        return (*self.labels, "nothing")

    def row(self, frame: FrameScored) -> list[float]:
        """See Answers."""
        if not isinstance(frame.prediction, Detections):
            raise IncompleteFrameError("frames carry classes, the baseline's version finds objects")
        return box_statistics.vector(frame.prediction, self.labels, frame.width, frame.height)

    def reference(self, baseline: Baseline) -> Floats:
        """See Answers."""
        assert baseline.answers is not None  # see `of`
        return baseline.answers.astype(np.float64)

    def features(self, said: Floats) -> Floats:
        """See Answers."""
        return said

    def group(self, said: Floats) -> NDArray[np.intp]:
        """See Answers."""
        objects = np.expm1(said[:, : len(self.labels)])
        return np.where(objects.sum(axis=1) < FEW_OBJECTS, len(self.labels), objects.argmax(axis=1))

    def beside(self, features: Floats, kept: NDArray[np.intp]) -> Beside:
        """The objects of the classes kept and the mean doubt, each in its deviations."""
        columns = np.append(kept[kept < len(self.labels)], len(self.labels))
        deviation = np.maximum(features.std(axis=0)[columns], np.append(np.array(self.floor)[columns[:-1]], LEAST_DOUBT))
        return Beside(columns, 1 / deviation)


def of(baseline: Baseline) -> Answers:
    """The answers that a baseline holds."""
    return Classes(baseline.labels) if baseline.answers is None else Boxes(baseline.labels)
