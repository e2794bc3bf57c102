"""Pace: what batches cost, whether to wait for one more frame, and when to come again."""

import math

import numpy as np
import pytest

from serving.queueing.pace import Pace


def _seen(run_s: float, each_s: float, sizes: tuple[int, ...] = (1, 4, 2, 8, 1)) -> Pace:
    pace = Pace()
    for size in sizes:
        pace.worked(size, run_s + each_s * size)
    return pace


def test_the_costs_of_a_run_and_of_its_frames_are_told_apart() -> None:
    assert _seen(0.010, 0.002).costs() == pytest.approx((0.010, 0.002))
    assert _seen(0.0, 0.020).costs() == pytest.approx((0.0, 0.020))


def test_where_sizes_never_differed_all_is_the_frames() -> None:
    assert _seen(0.010, 0.002, (4, 4, 4)).costs() == (0.0, pytest.approx(0.0045))
    assert Pace().costs() == (0.0, 0.0)


def test_old_batches_fade() -> None:
    pace = _seen(0.5, 0.1, (1, 2, 4, 8) * 10)
    for size in (1, 2, 4, 8) * 100:
        pace.worked(size, 0.010 + 0.002 * size)
    assert pace.costs() == pytest.approx((0.010, 0.002), rel=1e-3)


def _answered_in_sum(frames: int, gap_s: float, run_s: float, each_s: float, waits: bool) -> float:
    """How long `frames` in hand and the one due in gap_s wait for their answers, in sum."""
    if waits:
        return frames * (gap_s + run_s + each_s * (frames + 1)) + run_s + each_s * (frames + 1)
    now = run_s + each_s * frames
    return frames * now + (now - gap_s) + run_s + each_s


def test_it_pays_exactly_where_the_answers_come_earlier_in_sum() -> None:
    random = np.random.default_rng(0)
    both = set()
    for _ in range(500):
        frames = int(random.integers(1, 8))
        run_s, each_s, gap_s = (float(random.uniform(0, most)) for most in (0.02, 0.005, 0.01))
        now_s = run_s + each_s * frames
        pace = _seen(run_s, each_s)
        pace.arrived(1, 100.0)
        pace.arrived(1, 100.0 + gap_s)
        pays = pace.worth_waiting_until(frames) > 0
        if gap_s < now_s:  # otherwise the run is over before the next frame comes, and nobody would wait
            waits, goes = (_answered_in_sum(frames, gap_s, run_s, each_s, waits) for waits in (True, False))
            assert pays == (waits < goes)
            both.add(pays)
        else:
            assert not pays
    assert both == {True, False}


def test_waiting_ends_where_the_next_frame_is_late() -> None:
    pace = _seen(0.010, 0.001)
    pace.arrived(1, 100.0)
    pace.arrived(1, 100.001)
    assert pace.worth_waiting_until(1) == pytest.approx(100.001 + 0.0045)
    assert pace.worth_waiting_until(10) == -math.inf


def test_on_a_cpu_it_never_pays() -> None:
    pace = _seen(0.0005, 0.015)
    pace.arrived(8, 100.0)
    pace.arrived(8, 100.0)
    assert all(pace.worth_waiting_until(frames) == -math.inf for frames in range(1, 65))


@pytest.mark.parametrize(
    ("slots", "workers", "seconds"), [(0, 1, 1), (1, 1, 1), (64, 1, 2), (64, 2, 1), (640, 2, 7), (64_000, 2, 60)]
)
def test_to_come_again_is_whole_seconds_from_one_to_sixty(slots: int, workers: int, seconds: int) -> None:
    assert _seen(0.0, 0.020).retry_after_s(slots, workers) == seconds
    assert Pace().retry_after_s(slots, workers) == 1


def test_how_many_frames_fit_in_a_moment() -> None:
    assert Pace().frames_in(1.0) == 1
    assert _seen(0.0, 0.002).frames_in(0.0101) == 5
    assert _seen(0.0, 0.020).frames_in(0.0101) == 1
