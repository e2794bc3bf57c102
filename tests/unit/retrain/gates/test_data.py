"""The gate "data": counts, leaks, conflicts."""

import pytest

from retrain.gates.data import data
from retrain.gates.policy import SMALL_SETS, STRICT, Policy
from retrain.gates.verdict import Verdict


@pytest.mark.parametrize(
    ("policy", "learning", "sealed", "leaks", "conflicts", "verdict"),
    [
        (SMALL_SETS, (300, 300), (45, 5), 0, 0, "pass"),
        (SMALL_SETS, (299, 300), (45, 5), 0, 0, "fail"),
        (SMALL_SETS, (300, 300), (45, 4), 0, 0, "fail"),
        (SMALL_SETS, (300, 300), (45, 5), 1, 0, "fail"),
        (SMALL_SETS, (300, 300), (45, 5), 0, 1, "fail"),
        (STRICT, (300, 300), (50, 50), 0, 0, "pass"),
        (STRICT, (300, 300), (99, 49), 0, 0, "inconclusive"),
        (STRICT, (300, 300), (99, 49), 1, 0, "fail"),
        (STRICT, (299, 300), (99, 99), 0, 0, "fail"),
    ],
)
def test_verdicts(
    policy: Policy, learning: tuple[int, int], sealed: tuple[int, int], leaks: int, conflicts: int, verdict: Verdict
) -> None:
    result = data({"a": learning[0], "b": learning[1]}, {"a": sealed[0], "b": sealed[1]}, 300, 50, leaks, conflicts, policy)
    assert result.verdict == verdict


def test_says_how_many_more_are_needed() -> None:
    assert "needed: 20 more of b" in data({"a": 300, "b": 300}, {"a": 99, "b": 30}, 300, 50, 0, 0, STRICT).detail
