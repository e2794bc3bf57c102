"""The gate "stress": more than luck is needed to refuse, and less than that to pass."""

import pytest

from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from retrain.gates.stress import stress
from tests.judged import judged

NAMES = tuple(["dark", "blur", "noise"] * 40)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_luck_refuses_nobody_and_loss_is_refused(policy: Policy) -> None:
    refused = [stress(judged(120, 0.7, 0.7, seed, together=0.8), NAMES, policy).verdict for seed in range(200)]
    assert refused.count("fail") < 6
    result = stress(judged(120, 0.8, 0.4, 1), NAMES, policy)
    assert result.verdict == "fail"
    assert "blur" in result.detail


def test_above_the_limit_by_luck() -> None:
    unlucky = next(
        j for j in (judged(120, 0.7, 0.7, seed, together=0.8) for seed in range(99)) if stress(j, NAMES, SMALL_SETS).value > 1.05
    )
    passed = stress(unlucky, NAMES, SMALL_SETS)
    assert passed.verdict == "pass"
    assert passed.detail.endswith("above the limit by no more than chance may show")
    result = stress(unlucky, NAMES, STRICT)
    assert result.verdict == "inconclusive"
    assert "images would tell a rise of 5%" in result.detail


@pytest.mark.parametrize("images", [0, 1])
def test_one_image_tells_nothing(images: int) -> None:
    result = stress(judged(3 * images, 0.8, 0.8, 1), NAMES[: 3 * images], SMALL_SETS)
    assert (result.verdict, result.value) == ("inconclusive", 0.0)
