"""What a run costs."""

import sys

import numpy as np
import pytest
import torch

from retrain.training.meter import Meter


def test_the_epoch_s_loss_goes_on_where_a_killed_run_left_it() -> None:
    meter = Meter(torch.device("cpu"), lambda: 0.0)
    meter.start_epoch(1.5, 3)
    meter.take(torch.tensor(0.25), 2)
    assert meter.epoch() == (1.75, 5)
    meter.start_epoch()
    assert meter.epoch() == (0.0, 0)


def test_seconds_include_earlier_attempts_and_speed_does_not() -> None:
    now = [100.0]
    meter = Meter(torch.device("cpu"), lambda: now[0], 40.0)
    meter.start_epoch(0.0, 1000)
    now[0] = 110.0
    meter.take(torch.tensor(0.0), 30)
    assert meter.seconds() == 50.0
    assert meter.frames_per_s(40.0) == pytest.approx(3.0)


def test_memory_is_the_process_s_where_the_device_has_none() -> None:
    assert 20 < Meter(torch.device("cpu"), lambda: 0.0).peak_mib() < 100_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a process's peak")
def test_memory_that_went_before_the_run_is_not_its_own() -> None:
    """Techniques are compared by their peaks, one after the other in one process."""
    before = Meter(torch.device("cpu"), lambda: 0.0)
    held = np.ones(2**27, dtype=np.uint8)
    assert held.any()
    del held
    peak = before.peak_mib()
    assert Meter(torch.device("cpu"), lambda: 0.0).peak_mib() < peak - 100
