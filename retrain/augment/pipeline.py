"""What happens to one frame: drawn from the declared pipeline, the seed and the frame's index alone, then carried out.

No draw depends on another frame's, so the same frame of the same epoch is changed in the same way whichever worker, batch or device has it, and after
a restart from a checkpoint.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels
from retrain.augment.changes import Change, fused
from retrain.augment.geometry import followed
from retrain.augment.operations import OPERATIONS, Frame
from retrain.augment.pixels import carried_out
from retrain.augment.spec import OperationSpec, PipelineSpec, SomeOf, ready

_Entry = TypeVar("_Entry", OperationSpec, OperationSpec | SomeOf)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A prepared frame [height, width, 3], its boxes [B, 4] (x1, y1, x2, y2 in its pixels) and their classes [B]; B = 0 for a classifier's."""

    image: Pixels
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


def index(epoch: int, item: int) -> int:
    """The index of an item in an epoch: what its draws depend on beside the seed."""
    return epoch << 32 | item


def drawn(spec: PipelineSpec, index: int, width: int, height: int) -> tuple[Change, ...]:
    """What is done to the frame of this index and size. Neighbours that can be one change are one."""
    random = np.random.Generator(np.random.Philox(key=np.array([spec.seed, index], dtype=np.uint64)))
    frame, found = Frame(width, height), list[Change]()
    for entry in _ordered(spec.operations, spec, random):
        if random.random() >= entry.p:
            continue
        if isinstance(entry, SomeOf):
            chosen = sorted(random.permutation(len(entry.operations))[: entry.some_of])
            some = _ordered([entry.operations[i] for i in chosen], spec, random)
            found += [change for one in some if random.random() < one.p for change in _changes(one, frame, random)]
        else:
            found += _changes(entry, frame, random)
    return fused(found)


def pipeline(spec: PipelineSpec) -> Callable[[Sample, int], Sample]:
    """The pipeline on the CPU: a sample and its index to the changed sample; the one given is left as it is. Raises SettingsError."""
    ready(spec)

    def change(sample: Sample, index: int) -> Sample:
        height, width = sample.image.shape[:2]
        changes = drawn(spec, index, width, height)
        boxes, left = followed(changes, sample.boxes, width, height, spec.min_visibility)
        return Sample(carried_out(changes, sample.image), boxes, sample.classes[left])

    return change


def _ordered(entries: Sequence[_Entry], spec: PipelineSpec, random: np.random.Generator) -> Sequence[_Entry]:
    if spec.order == "fixed":
        return entries
    return [entries[i] for i in random.permutation(len(entries))]


def _changes(one: OperationSpec, frame: Frame, random: np.random.Generator) -> list[Change]:
    operation = OPERATIONS[one.name]
    magnitude = random.uniform(*(one.magnitude or operation.usual))
    return [operation.draw(magnitude, frame, random)] if magnitude else []
