"""Paired statistics against exact enumeration, published figures and simulation."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from retrain.gates.paired import Changes, holm, mcnemar_mid_p, rounded_up, score_bounds, share_bounds


@pytest.mark.parametrize(("worse", "better"), [(0, 5), (3, 9), (7, 7), (9, 2)])
def test_mid_p_is_the_exact_tail_less_half_the_point(worse: int, better: int) -> None:
    n = worse + better
    point = [math.comb(n, k) / 2**n for k in range(n + 1)]
    assert mcnemar_mid_p(worse, better) == pytest.approx(sum(point[: worse + 1]) - point[worse] / 2)


def test_mid_p_between_whole_counts_lies_between() -> None:
    assert mcnemar_mid_p(3, 9) < mcnemar_mid_p(3.5, 8.5) < mcnemar_mid_p(4, 8)
    assert mcnemar_mid_p(6, 18) < mcnemar_mid_p(3.7, 11.1) < mcnemar_mid_p(3, 9)


def test_nothing_changed_is_no_gain() -> None:
    assert mcnemar_mid_p(0, 0) == 1.0


def test_mid_p_rejects_no_more_than_it_may_when_nothing_is_gained() -> None:
    random = np.random.default_rng(0)
    losses = random.binomial(40, 0.5, 4000)
    assert np.mean([mcnemar_mid_p(int(k), 40 - int(k)) < 0.05 for k in losses]) < 0.065


def test_score_bounds_are_the_published_ones() -> None:
    """Airway hyper-responsiveness before and after stem cell transplantation (Bentur 2009) in Fagerland, Lydersen and Laake 2014."""
    assert score_bounds(1, 7, 21, z=1.959964) == pytest.approx((-0.517, -0.026), abs=6e-4)


@pytest.mark.parametrize(("gained", "lost", "n"), [(0, 0, 50), (4, 9, 160), (0, 6, 30), (30, 2, 72), (2.6, 1.1, 40.5), (1, 0, 1)])
def test_at_a_bound_the_likelihood_s_own_score_test_is_at_its_limit(gained: float, lost: float, n: float) -> None:
    """The nuisance share by numerical likelihood instead of the closed form."""

    def z(delta: float) -> float:
        def minus_log(up: float) -> float:
            cells = ((gained, up), (lost, up - delta), (n - gained - lost, 1.0 - 2.0 * up + delta))
            return -sum(count * math.log(max(share, 1e-300)) for count, share in cells if count)

        low, high = max(0.0, delta), (1.0 + delta) / 2.0
        up = float(minimize_scalar(minus_log, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x)
        return (gained - lost - n * delta) / math.sqrt(n * (2.0 * up - delta - delta**2))

    low, high = score_bounds(gained, lost, n)
    assert -1 <= low < (gained - lost) / n < high <= 1 or gained == n
    assert z(low) == pytest.approx(1.644854, abs=2e-3)
    if high < 1 - 1e-6:
        assert z(high) == pytest.approx(-1.644854, abs=2e-3)


@pytest.mark.parametrize("changed", [0.03, 0.1, 0.3])
def test_a_loss_of_the_margin_is_called_less_about_as_often_as_it_may(changed: float) -> None:
    """Exactly, over every outcome of 120 frames, at a true loss of just the margin: never far above 5 %."""
    n, margin = 120, 0.03
    up, down = (changed - margin) / 2, (changed + margin) / 2
    wrong = 0.0
    for total in range(n + 1):
        chance = float(binom.pmf(total, n, changed))
        if chance < 1e-7:
            continue
        for gained in range(total + 1):
            if score_bounds(gained, total - gained, n)[0] > -margin:
                wrong += chance * float(binom.pmf(gained, total, up / (up + down)))
    assert wrong < 0.066


def test_the_p_values_and_the_bounds_say_the_same() -> None:
    for gained, lost in product(range(0, 12, 3), repeat=2):
        found = Changes(gained, lost, 150, 150, 150)
        low, high = found.bounds()
        for margin in (0.01, 0.03, 0.08):
            assert (found.p_within(margin) < 0.05) == (low > -margin)
            assert (found.p_beyond(margin) < 0.05) == (high < -margin)


def test_no_frames_say_nothing() -> None:
    nothing = Changes(0, 0, 0, 0, 0)
    assert nothing.bounds() == (-1.0, 1.0)
    assert share_bounds(0, 0) == (0.0, 1.0)
    assert nothing.p_within(0.1) == nothing.p_beyond(0.1) == 0.5
    assert nothing.smallest_visible() == math.inf


def test_a_share_s_bounds_are_where_its_tail_is_alpha() -> None:
    low, high = share_bounds(7, 160)
    assert binom.sf(6, 160, low) == pytest.approx(0.05)
    assert binom.cdf(7, 160, high) == pytest.approx(0.05)
    assert share_bounds(0, 149)[1] == pytest.approx(0.0199, abs=2e-4)
    assert share_bounds(5, 5) == pytest.approx((0.05 ** (1 / 5), 1.0))


def test_the_frames_needed_are_enough_four_times_of_five() -> None:
    few = Changes(8, 8, 160, 160, 160)
    needed = few.frames_needed(0.02)
    assert 1500 <= needed <= 1800
    assert Changes(4, 4, 80, 160, 16).frames_needed(0.02) == pytest.approx(2 * needed, rel=0.15)
    random = np.random.default_rng(0)
    shares = (few.changed / 2, few.changed / 2, 1 - few.changed)
    shown = [score_bounds(up, down, needed)[0] > -0.02 for up, down, _ in random.multinomial(needed, shares, 1000)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.05)
    many = needed * few.changed / 2
    assert Changes(many, many, needed, needed, needed).smallest_visible() == pytest.approx(0.02, rel=0.05)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03], 0.05) == [True, False, False]
    assert holm([0.01, 0.02, 0.03], 0.05) == [True, True, True]
    assert holm([]) == []


def test_frames_are_rounded_to_what_one_plans_with() -> None:
    assert [rounded_up(n) for n in (0.2, 7, 99.1, 1546, 15_001)] == [1, 7, 100, 1600, 16_000]
