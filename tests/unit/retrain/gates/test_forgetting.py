"""The gate "forgetting": what is lost of the old domain, as a whole and by class."""

import numpy as np
import pytest

from retrain.gates import forgetting as module
from retrain.gates.evidence import Judged
from retrain.gates.forgetting import forgetting
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from tests.judged import LABELS, judged


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_refuses_the_forgetful_and_fails_no_others(policy: Policy) -> None:
    spared = np.mean([forgetting(judged(160, 0.84, 0.84, seed), LABELS, policy).verdict != "fail" for seed in range(300)])
    assert spared > 0.95
    assert all(forgetting(judged(160, 0.84, 0.65, seed), LABELS, policy).verdict == "fail" for seed in range(40))
    assert forgetting(judged(20, 0.84, 0.84, 0), LABELS, policy).verdict == "inconclusive"


def test_strict_passes_what_is_shown_only() -> None:
    few, many = judged(160, 0.84, 0.84, 1), judged(20_000, 0.9, 0.9, 1)
    assert forgetting(few, LABELS, SMALL_SETS).verdict == "pass"
    result = forgetting(few, LABELS, STRICT)
    assert result.verdict == "inconclusive"
    assert "are needed to tell a loss of 1 point" in result.detail
    assert "recall of functional: " in result.detail
    assert forgetting(many, LABELS, STRICT).verdict == "pass"


def test_three_points_of_loss_are_not_passed_as_shown() -> None:
    passed = [forgetting(judged(2000, 0.9, 0.87, seed), LABELS, STRICT).verdict == "pass" for seed in range(100)]
    assert np.mean(passed) < 0.03


def test_a_class_that_is_forgotten_behind_a_good_mean_is_named() -> None:
    old = judged(4000, 0.9, 0.9, 7, share=0.05)
    rare = np.flatnonzero(old.truth == 1)
    candidate = old.champion.copy()
    candidate[rare[: len(rare) // 5]] = [0.9, 0.1]
    wrong = np.flatnonzero((old.truth == 0) & ~old.champion_right)[: len(rare) // 4]
    candidate[wrong] = [0.9, 0.1]
    result = forgetting(Judged(old.truth, old.champion, candidate, old.camera, old.group), LABELS, STRICT)
    assert result.value > -module.MARGIN
    assert result.verdict == "fail"
    assert "recall fell by more than 2 points: defective" in result.detail


def test_frames_of_few_recordings_tell_less() -> None:
    alone, together = judged(3000, 0.9, 0.9, 2, together=0.97), judged(3000, 0.9, 0.9, 2, together=0.97, block=1500)
    assert forgetting(alone, LABELS, STRICT).verdict == "pass"
    result = forgetting(together, LABELS, STRICT)
    assert result.verdict == "inconclusive"
    assert "3000 frames of 2 recordings are worth" in result.detail


def test_what_may_be_forgotten_shrinks_with_the_frames_that_can_tell() -> None:
    few, many = (forgetting(judged(n, 0.9, 0.9, 0), LABELS, SMALL_SETS).limit for n in (160, 20_000))
    assert -SMALL_SETS.allowed_most <= few < many == -module.MARGIN
