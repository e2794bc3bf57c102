"""Problems: a stable type each, and every fault of a frame is one."""

import json
from typing import get_args

import pytest

from contracts.errors import FrameError, FrameFault
from serving.problems import KINDS, ProblemError, of_frame


@pytest.mark.parametrize("fault", get_args(FrameFault))
def test_every_frame_fault_is_a_problem_of_the_sender(fault: FrameFault) -> None:
    problem = of_frame(FrameError(fault, "what is wrong"))
    assert 400 <= problem.status < 500
    assert problem.outcome == "rejected"
    assert json.loads(problem.body()) == {
        "type": f"urn:keepsight:problem:{fault.replace('_', '-')}",
        "title": problem.title,
        "status": problem.status,
        "detail": "what is wrong",
    }


def test_outcomes_say_whose_fault_it_is() -> None:
    outcomes = {kind: ProblemError(kind, "").outcome for kind in KINDS}
    assert outcomes["overloaded"] == outcomes["deadline-expired"] == "overloaded"
    assert outcomes["not-ready"] == outcomes["invalid-output"] == "failed"
    assert outcomes["unknown-camera"] == "refused"


def test_headers_and_further_members() -> None:
    problem = ProblemError("overloaded", "wait", retry_after_s=2, queue=64)
    assert ("retry-after", "2") in problem.headers()
    assert json.loads(problem.body())["queue"] == 64
    assert ("allow", "POST") in ProblemError("method-not-allowed", "no", allow="POST").headers()
