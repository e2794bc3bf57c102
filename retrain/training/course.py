"""What a run is told: its numbers, and the batches that it learns from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True)
class Course:
    """The numbers of a run. Raises ValueError for one out of range.

    `batch` counts the frames of a batch over all processes, `accumulate` the batches of an update. `rate` is the last stage's peak learning rate, each
    stage before it learns `layer_decay` times as fast; `decay` is AdamW's weight decay; `warmup` the share of all updates in which the rate rises.
    After `patience` epochs without a better score the run ends. `freeze_norm` keeps the statistics of batch normalisation: with fewer than some
    1,000 labels those of the pretrained network are better than those of our batches.
    """

    epochs: int
    batch: int
    rate: float
    seed: int
    accumulate: int = 1
    decay: float = 0.05
    layer_decay: float = 0.65
    warmup: float = 0.1
    patience: int = 5
    precision: Precision = "fp32"
    freeze_norm: bool = False
    checkpoint_s: float = 60.0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch", 1), ("accumulate", 1), ("patience", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")
        for name, low, high in (("rate", 0.0, 1.0), ("decay", 0.0, 1.0), ("layer_decay", 0.0, 1.0), ("warmup", 0.0, 1.0)):
            if not low <= getattr(self, name) <= high or (name in ("rate", "layer_decay") and getattr(self, name) == 0):
                raise ValueError(f"{name} is {getattr(self, name)}, expected between {low:g} and {high:g}")


@dataclass(frozen=True, slots=True)
class Batch:
    """uint8 frames [N, H, W, 3], their truth (classes [N], or boxes [B, 5] a frame), and what each counts: 1 on average over an epoch."""

    image: Tensor
    truth: Tensor | list[Tensor]
    weight: Tensor


class Batches(Protocol):
    """The frames of a run: epochs of `len` batches (of this process's share), the same for the same number. Seconds are totals since it began."""

    @property
    def stalled_s(self) -> float: ...

    def __len__(self) -> int: ...

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (from 0) after the first `skip`."""
