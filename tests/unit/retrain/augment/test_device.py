"""Which side augments: decided by a clock that is passed in."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from contracts.errors import SettingsError
from retrain.augment.device import BATCHES, choose
from retrain.augment.spec import Device, OperationSpec, PipelineSpec

FRAMES = [np.zeros((16, 16, 3), dtype=np.uint8)] * 4
HOST = torch.device("cpu")
"""Plays the accelerator: what is timed is decided by the clock."""


def spec(device: Device) -> PipelineSpec:
    return PipelineSpec((OperationSpec("gamma"),), device=device)


def clock(cpu_ms: float, gpu_ms: float) -> Iterator[float]:
    """Each side reads it before and after its batches."""
    for a_frame in (cpu_ms, gpu_ms):
        yield 0.0
        yield a_frame * len(FRAMES) * BATCHES / 1000


@pytest.mark.parametrize(
    ("cpu_ms", "gpu_ms", "workers", "device", "share"),
    [
        (1.0, 0.1, 1, "cpu", 0.0),  # a step of 1 ms hides a thread's 1 ms
        (3.0, 0.1, 1, "gpu", 0.1 / 1.1),
        (3.0, 0.1, 4, "cpu", 0.0),
        (1.5, 3.0, 1, "cpu", 0.5 / 1.5),
        (0.2, 0.1, 0, "gpu", 0.1 / 1.1),
    ],
)
def test_auto_takes_what_holds_a_step_up_less(cpu_ms: float, gpu_ms: float, workers: int, device: str, share: float) -> None:
    chosen = choose(spec("auto"), FRAMES, clock(cpu_ms, gpu_ms).__next__, step_ms=1.0, workers=workers, accelerator=HOST)
    assert chosen.device == device
    assert (chosen.cpu_ms, chosen.gpu_ms) == pytest.approx((cpu_ms, gpu_ms))
    assert chosen.stall_share == pytest.approx(share)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_what_is_declared_is_taken_without_timing(device: Device) -> None:
    chosen = choose(spec(device), FRAMES, iter(()).__next__, step_ms=1.0, workers=1, accelerator=HOST)
    assert chosen == (device, None, None, None)


def test_without_an_accelerator_there_is_no_choice() -> None:
    assert choose(spec("auto"), FRAMES, iter(()).__next__, step_ms=1.0, workers=1, accelerator=None).device == "cpu"
    with pytest.raises(SettingsError, match="torch finds none"):
        choose(spec("gpu"), FRAMES, iter(()).__next__, step_ms=1.0, workers=1, accelerator=None)
