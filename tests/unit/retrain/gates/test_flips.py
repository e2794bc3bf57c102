"""The gate "negative flips": old frames that turned from right to wrong."""

import pytest

from retrain.gates.flips import flips
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from tests.judged import judged


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_many_are_refused(policy: Policy) -> None:
    assert flips(judged(160, 0.84, 0.5, 3), policy).verdict == "fail"


def test_few_pass_where_their_share_is_known() -> None:
    small, large = judged(160, 0.84, 0.84, 2, together=0.97), judged(5000, 0.84, 0.84, 2, together=0.97)
    assert flips(small, SMALL_SETS).verdict == "pass"
    result = flips(small, STRICT)
    assert result.verdict == "inconclusive"
    assert "to tell 1.0% from 2.0%" in result.detail
    assert flips(large, STRICT).verdict == "pass"


def test_one_recording_tells_no_share() -> None:
    assert flips(judged(5000, 0.84, 0.84, 2, together=0.97, block=5000), STRICT).verdict == "inconclusive"
