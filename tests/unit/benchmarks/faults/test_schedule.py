"""Turns: in time, in order, none within another."""

from itertools import pairwise

import pytest

from benchmarks.faults.schedule import LEAST_S, order, turns

HOLDS = (8.0, 0.0, 30.0, 20.0)


@pytest.mark.parametrize("seconds", [60.0, 120.0, 600.0, 1200.0])
def test_turns_follow_each_other_within_the_run(seconds: float) -> None:
    found = turns(HOLDS, seconds)
    assert found[0].at_s > 0
    for before, after in pairwise(found):
        assert before.at_s + before.hold_s < after.at_s
    assert found[-1].at_s + found[-1].hold_s < seconds
    assert found[1].hold_s == 0.0
    assert all(turn.hold_s >= LEAST_S for turn in (found[0], *found[2:]))


def test_a_whole_run_holds_as_long_as_asked() -> None:
    assert tuple(turn.hold_s for turn in turns(HOLDS, 600.0)) == HOLDS


def test_a_fault_lasts_as_long_as_it_must_to_be_felt() -> None:
    assert [turn.hold_s for turn in turns((8.0, 0.0, 30.0), 60.0, (3.0, 3.0, 14.0))] == [3.0, 0.0, 14.0]


def test_the_order_is_the_seed_s() -> None:
    faults = list(range(16))
    assert order(faults, 1) == order(faults, 1) != order(faults, 2)
    assert sorted(order(faults, 3)) == faults
