"""How fast each part learns, and when."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.models.recipe import SMALL_CONV, find
from retrain.training.rates import PEAK, factor, groups, of_stages


def test_the_schedule_rises_in_a_line_and_falls_in_a_half_cosine() -> None:
    found = [factor(update, 12, 0.25) for update in range(12)]
    assert found[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert found[3:] == pytest.approx([0.5 * (1 + math.cos(math.pi * k / 9)) for k in range(9)])


@given(updates=st.integers(1, 500), warmup=st.floats(0, 1))
def test_the_factor_is_a_share_that_never_rises_after_the_warm_up(updates: int, warmup: float) -> None:
    found = [factor(update, updates, warmup) for update in range(updates)]
    rising = math.ceil(warmup * updates)
    assert all(0 < value <= 1 for value in found)
    assert found[:rising] == sorted(found[:rising])
    assert found[rising:] == sorted(found[rising:], reverse=True)


def test_each_stage_learns_slower_than_the_one_after_it() -> None:
    assert of_stages(0.1, 0.5, 4) == pytest.approx((0.0125, 0.025, 0.05, 0.1))
    assert of_stages(0.1, 1.0, 3) == (0.1, 0.1, 0.1)


def test_groups_hold_every_weight_at_its_stage_s_rate_and_decay_matrices_only() -> None:
    network = find(SMALL_CONV).build("classification", ("a", "b"), 16)
    found = groups(network, 0.1, 0.65, 0.05)
    assert sorted(id(w) for group in found for w in group["params"]) == sorted(id(w) for w in network.parameters())
    for group in found:
        assert {(weight.ndim > 1) for weight in group["params"]} == {group["weight_decay"] == 0.05}
    by_stage = [group[PEAK] for group in found if group["weight_decay"]]
    assert by_stage == pytest.approx([0.1 * 0.65**k for k in (4, 3, 2, 1, 0)])
