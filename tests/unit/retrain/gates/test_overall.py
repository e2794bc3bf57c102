"""The gate "overall": over old and new together nothing is lost."""

from retrain.gates.overall import overall
from retrain.gates.policy import SMALL_SETS, STRICT
from tests.judged import judged


def test_a_gain_pays_for_nothing_that_is_surely_lost() -> None:
    new, old = judged(70, 0.35, 0.8, 1), judged(160, 0.84, 0.84, 2)
    for policy in (STRICT, SMALL_SETS):
        assert overall(new, old, policy).verdict == "pass"
        assert overall(judged(70, 0.8, 0.8, 4), judged(160, 0.84, 0.5, 3), policy).verdict == "fail"


def test_what_cannot_be_told_is_inconclusive_or_with_small_sets_a_fail() -> None:
    new, old = judged(70, 0.8, 0.8, 5), judged(160, 0.84, 0.84, 6)
    assert overall(new, old, SMALL_SETS).verdict == "fail"
    result = overall(new, old, STRICT)
    assert result.verdict == "inconclusive"
    assert "are needed to tell a loss of 1 point" in result.detail
