"""A run that does not fit is given up early."""

from itertools import count

import pytest
import torch

from retrain.training.allowance import LOOK, Allowed, TooLongError
from retrain.training.course import Batch
from tests.small_pictures import Held


def taken(allowed: Allowed, epochs: int, skip: int = 0) -> int:
    return sum(1 for epoch in range(epochs) for _ in allowed.epoch(epoch, skip if epoch == 0 else 0))


def test_what_fits_is_left_alone() -> None:
    seconds = count(0.0)
    allowed = Allowed(Held(320, 32), 5, 1e6, lambda: next(seconds))
    assert taken(allowed, 5) == 50 == 5 * len(allowed)
    assert allowed.stalled_s == 0.0


def test_what_will_not_fit_ends_after_the_first_steps() -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 5.0 * LOOK
        return now[0]

    allowed = Allowed(Held(1600, 16), 10, 100.0, clock)
    done: list[Batch] = []
    with pytest.raises(TooLongError, match=r"5000 ms a step make 5000 s, 100 s of the training budget were left"):
        done.extend(batch for epoch in range(10) for batch in allowed.epoch(epoch))
    assert len(done) == LOOK
    assert isinstance(done[0].image, torch.Tensor)


def test_what_slows_down_later_ends_at_its_allowance() -> None:
    times = iter([0.0, 1.0, 2.0, 3.0, 2000.0])  # a hundred steps: four looks after the first
    allowed = Allowed(Held(1600, 16), 1, 500.0, lambda: next(times))
    with pytest.raises(TooLongError, match=r"2000 s are spent, 500 s of the training budget were left"):
        taken(allowed, 1)


def test_a_resumed_run_is_projected_on_what_is_left() -> None:
    times = iter([0.0, 20.0, 40.0])
    allowed = Allowed(Held(1600, 16), 1, 45.0, lambda: next(times))
    assert taken(allowed, 1, skip=60) == 40


def test_an_epoch_of_few_long_steps_is_projected_at_its_end() -> None:
    times = iter([0.0, 900.0])
    with pytest.raises(TooLongError, match=r"300000 ms a step make 9000 s, 1800 s of the training budget were left"):
        taken(Allowed(Held(48, 16), 10, 1800.0, lambda: next(times)), 10)
