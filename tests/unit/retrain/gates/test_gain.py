"""The gate "gain": found where there is one, not found where there is none, undecided where frames are too few or worn."""

import numpy as np
import pytest

from retrain.gates.gain import gain, uses
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from tests.judged import judged


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_finds_a_large_one_and_no_more_false_ones_than_it_may(policy: Policy) -> None:
    assert all(gain(judged(70, 0.35, 0.80, seed), policy, 0).verdict == "pass" for seed in range(40))
    false = np.mean([gain(judged(70, 0.8, 0.8, seed, together=0.7), policy, 0).verdict == "pass" for seed in range(400)])
    assert false < 0.08


def test_what_a_small_set_cannot_see_is_inconclusive_and_says_what_it_takes() -> None:
    new = judged(70, 0.8, 0.8, 0, together=0.7)
    assert gain(new, SMALL_SETS, 0).verdict == "fail"
    result = gain(new, STRICT, 0)
    assert result.verdict == "inconclusive"
    assert "are needed to see a gain of 5 points" in result.detail
    assert gain(judged(4000, 0.8, 0.8, 0, together=0.7), STRICT, 0).verdict == "fail"


def test_without_three_values_a_gain_that_may_be_chance_waits_for_more_labels() -> None:
    seen = judged(90, 0.75, 0.84, 19, together=0.5)
    assert 0.05 < seen.candidate_right.mean() - seen.champion_right.mean() < 0.12
    result = gain(seen, SMALL_SETS, 0)
    assert (result.verdict, result.value > 0.05) == ("inconclusive", True)
    assert "are needed to see a gain of 5 points" in result.detail
    assert gain(judged(70, 0.8, 0.4, 1), SMALL_SETS, 0).verdict == "fail"


def test_surely_worse_fails_however_few() -> None:
    assert gain(judged(70, 0.8, 0.4, 1), STRICT, 0).verdict == "fail"


def test_an_unchanged_model_gains_nothing() -> None:
    assert gain(judged(300, 0.8, 0.8, 1, together=1.0), STRICT, 0).verdict == "fail"


def test_one_recording_shows_nothing() -> None:
    result = gain(judged(70, 0.35, 0.8, 1, block=70), STRICT, 0)
    assert result.verdict == "inconclusive"
    assert "frames of more recordings are needed" in result.detail


def test_a_worn_set_passes_nobody() -> None:
    new = judged(70, 0.35, 0.8, 1)
    assert gain(new, STRICT, 4).verdict == "pass"
    assert gain(new, STRICT, 5).verdict == "inconclusive"
    assert "has judged 5 candidates before" in gain(new, STRICT, 5).detail
    assert gain(new, SMALL_SETS, 5).verdict == "pass"
    assert gain(judged(70, 0.8, 0.4, 1), STRICT, 5).verdict == "fail"


def test_a_set_is_worn_until_three_of_ten_recordings_are_fresh() -> None:
    old = [f"r{n}" for n in range(7)]
    verdicts = dict.fromkeys(old, 6) | {"elsewhere": 40}
    assert uses(old * 9, verdicts) == 6
    assert uses([*old, "new 1"], verdicts) == 6
    assert uses([*old, "new 1", "new 2"], verdicts) == 6
    assert uses([*old, "new 1", "new 2", "new 3"], verdicts) == 6
    assert uses([*old, "new 1", "new 2", "new 3", "new 4"], verdicts) == 0
    assert uses([], verdicts) == 0
