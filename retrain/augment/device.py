"""Where the augmentation runs: on threads beside the training, or on its device. `auto` times both and keeps what holds a step up less."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import torch

from contracts.errors import SettingsError
from contracts.frames import Pixels
from retrain.augment.pipeline import Sample, pipeline
from retrain.augment.spec import PipelineSpec
from retrain.augment.twin import twin

BATCHES: Final = 8
"""Timed on each side, after one to warm up."""


class Chosen(NamedTuple):
    """Milliseconds a frame on one thread and on the device, and the share of a step's time by which the choice should hold it up; None: not timed."""

    device: Literal["cpu", "gpu"]
    cpu_ms: float | None
    gpu_ms: float | None
    stall_share: float | None


def choose(
    spec: PipelineSpec,
    frames: Sequence[Pixels],
    clock: Callable[[], float],
    *,
    step_ms: float,
    workers: int,
    accelerator: torch.device | None,
) -> Chosen:
    """Where to run `spec`. `frames` are one batch of prepared ones; a training step takes `step_ms` a frame; `workers` threads would augment beside it.

    On threads only what exceeds the step holds it up, on the device everything does. Without an accelerator there is no choice. Raises SettingsError when
    `device = "gpu"` is declared and there is none.
    """
    if accelerator is None:
        if spec.device == "gpu":
            raise SettingsError('augmentation: device = "gpu", but torch finds none here; use "cpu" or "auto"')
        return Chosen("cpu", None, None, None)
    if spec.device != "auto":
        return Chosen(spec.device, None, None, None)
    cpu_ms, gpu_ms = (
        _timed(_on_cpu(spec, frames), len(frames), clock),
        _timed(_on_gpu(spec, frames, accelerator), len(frames), clock),
    )
    by_threads = max(0.0, cpu_ms / workers - step_ms) if workers else cpu_ms
    chosen: Literal["cpu", "gpu"] = "cpu" if by_threads <= gpu_ms else "gpu"
    held_up = by_threads if chosen == "cpu" else gpu_ms
    return Chosen(chosen, cpu_ms, gpu_ms, held_up / (step_ms + held_up) if held_up else 0.0)


def _timed(batch: Callable[[int], None], count: int, clock: Callable[[], float]) -> float:
    batch(0)
    began = clock()
    for number in range(1, BATCHES + 1):
        batch(number)
    return (clock() - began) * 1000 / (BATCHES * count)


def _on_cpu(spec: PipelineSpec, frames: Sequence[Pixels]) -> Callable[[int], None]:
    change = pipeline(spec)
    none = np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)

    def batch(number: int) -> None:
        for place, image in enumerate(frames):
            change(Sample(image, *none), number * len(frames) + place)

    return batch


def _on_gpu(spec: PipelineSpec, frames: Sequence[Pixels], accelerator: torch.device) -> Callable[[int], None]:
    change = twin(spec)
    image_NHWC = torch.from_numpy(np.stack(frames)).to(accelerator)

    def batch(number: int) -> None:
        change(image_NHWC, (), range(number * len(frames), (number + 1) * len(frames)))
        if accelerator.type == "cuda":
            torch.cuda.synchronize(accelerator)

    return batch
