"""What frames of few recordings are worth: by hand, at the ends, and in how often the bounds then hold the truth."""

import numpy as np
import pytest

from retrain.gates.clusters import changes, drawn_again, effective_size


def test_strangers_are_worth_themselves_and_copies_one() -> None:
    random = np.random.default_rng(0)
    values = random.choice([-1.0, 0.0, 1.0], 400, p=[0.1, 0.8, 0.1])
    alone = effective_size(values, [str(i) for i in range(400)])
    assert 395 < alone <= 400
    assert effective_size(np.repeat(values, 5), [str(i) for i in range(400) for _ in range(5)]) == pytest.approx(alone, rel=0.01)


def test_few_recordings_are_worth_less_and_one_nothing() -> None:
    values = np.zeros(100)
    assert effective_size(values, ["a"] * 100) == 0.0
    assert effective_size(np.zeros(0), []) == 0.0
    two, ten = (effective_size(values, [str(i % k) for i in range(100)]) for k in (2, 10))
    assert two == pytest.approx(100 * (1.644854 / 6.313752) ** 2)
    assert ten == pytest.approx(100 * (1.644854 / 1.833113) ** 2)


def test_the_names_of_recordings_and_the_order_of_frames_do_not_matter() -> None:
    random = np.random.default_rng(1)
    first, second = random.random(120) < 0.8, random.random(120) < 0.7
    names = [f"r{i // 9}" for i in range(120)]
    order = random.permutation(120)
    other = changes(first[order], second[order], [f"x{names[i][::-1]}" for i in order])
    one = changes(first, second, names)
    assert (one.gained, one.lost, one.n) == pytest.approx((other.gained, other.lost, other.n))
    assert one.difference == pytest.approx(second.mean() - first.mean())
    assert (one.frames, one.recordings) == (120, 14)


def test_without_recordings_counts_are_counts() -> None:
    first, second = np.array([True, True, False, False]), np.array([True, False, True, True])
    assert changes(first, second, None) == changes(first, second, None).__class__(2, 1, 4, 4, 4)


@pytest.mark.parametrize("recordings", [6, 16, 40])
def test_bounds_hold_the_truth_where_recordings_move_together(recordings: int) -> None:
    """Whole recordings lean to gain or to loss; independent frames would be sure far too often."""
    random, wrong, naive = np.random.default_rng(recordings), 0, 0
    names = [str(i // 10) for i in range(10 * recordings)]
    for _ in range(400):
        lean = np.repeat(random.choice([0.0, 0.3], (recordings, 2), p=[0.8, 0.2]), 10, axis=0)
        gained = random.random(10 * recordings) < lean[:, 0]
        lost = (random.random(10 * recordings) < lean[:, 1]) & ~gained
        first = lost | (~gained & (random.random(10 * recordings) < 0.8))
        second = (first & ~lost) | gained
        truth = 0.06 - 0.06 * 0.94
        low, high = changes(first, second, names).bounds()
        wrong += (low > truth) + (high < truth)
        low, high = changes(first, second, None).bounds()
        naive += (low > truth) + (high < truth)
    assert wrong / 800 < 0.075
    assert naive > wrong


def test_the_bootstrap_s_spread_is_that_of_recordings() -> None:
    right = np.random.default_rng(2).normal(7.0, 2.0, 50)
    times = drawn_again(50, seed=3)
    assert (times.shape, set(times.sum(axis=1).tolist())) == ((1000, 50), {50})
    shares = times @ right / 500
    assert shares.mean() == pytest.approx(right.mean() / 10, abs=0.01)
    assert shares.std() == pytest.approx(right.std(ddof=1) / 10 / np.sqrt(50), rel=0.12)
    assert (times == drawn_again(50, seed=3)).all()
    with pytest.raises(ValueError, match="at least 2, got 1"):
        drawn_again(1, seed=0)
