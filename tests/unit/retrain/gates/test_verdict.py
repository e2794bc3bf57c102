"""What gates share: failing closed, results that survive JSON, the worst verdict, and non-inferiority in three values."""

import msgspec
import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.events import GateResult
from retrain.gates.flips import flips
from retrain.gates.forgetting import forgetting
from retrain.gates.gain import gain
from retrain.gates.paired import Changes
from retrain.gates.parity import parity
from retrain.gates.policy import POLICIES, STRICT, Policy
from retrain.gates.recall import recall
from retrain.gates.slices import slices
from retrain.gates.verdict import Verdict, decide, guarded, settled, wanted, within
from tests.judged import LABELS, judged


def test_an_error_inside_a_gate_fails_closed() -> None:
    def broken() -> GateResult:
        raise ZeroDivisionError("no frames")

    result = guarded("gain", broken)
    assert (result.gate, result.verdict) == ("gain", "fail")
    assert "ZeroDivisionError" in result.detail


def test_a_store_that_does_not_answer_refuses_no_candidate() -> None:
    def away() -> GateResult:
        raise StoreError("the frame store does not answer")

    with pytest.raises(StoreError, match="does not answer"):
        guarded("stress", away)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_result_survives_json(policy: Policy) -> None:
    empty = judged(0, 0.5, 0.5, 0)
    results = [
        guarded("x", lambda: 1 // 0),  # type: ignore[arg-type,return-value]  # the broken gate is the point
        forgetting(empty, LABELS, policy),
        flips(empty, policy),
        gain(empty, policy, 0),
        recall(np.zeros(9, dtype=np.int64), np.tile([0.9, 0.1], (9, 1)), LABELS, "defective", None),
        parity(np.zeros((2, 2)), np.zeros((3, 2)), (1,)),
    ]
    assert all(result.verdict != "pass" for result in results)
    one = judged(160, 0.8, 0.8, 1, block=160)
    results += [forgetting(one, LABELS, policy), flips(one, policy), gain(one, policy, 0), slices(one, one, LABELS, policy)]
    assert msgspec.json.decode(msgspec.json.encode(results), type=list[GateResult]) == results


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (("pass", "pass"), "pass"),
        (("pass", "inconclusive"), "inconclusive"),
        (("inconclusive", "fail", "pass"), "fail"),
        ((), "inconclusive"),
    ],
)
def test_the_worst_verdict_counts(said: tuple[Verdict, ...], verdict: Verdict) -> None:
    assert decide(said) == verdict


def results(labels: float, *others: Verdict) -> list[GateResult]:
    doubt: Verdict = "inconclusive" if labels > 0.1 else "pass"
    return [GateResult("labels", doubt, labels, 0.1, ""), *(GateResult("gain", said, 0.0, 0.0, "") for said in others)]


@pytest.mark.parametrize(
    ("found", "ask", "settles"),
    [
        (results(0.0, "pass"), False, "packaged"),
        (results(0.0, "inconclusive"), False, "held"),
        (results(0.0, "inconclusive"), True, "packaged"),
        (results(0.0, "inconclusive", "fail"), True, "rejected"),
        (results(0.2, "pass"), False, "held"),
        (results(0.2, "pass"), True, "packaged"),
        (results(0.2, "fail"), False, "held"),
        (results(0.2, "fail"), True, "held"),
        ([GateResult("labels", "inconclusive", 0.0, 0.1, "no old labels"), *results(0.0, "fail")], False, "rejected"),
        ([], True, "held"),
        ([], False, "held"),
    ],
)
def test_what_becomes_of_a_candidate(found: list[GateResult], ask: bool, settles: str) -> None:
    assert settled(found, ask) == settles


@pytest.mark.parametrize(("gained", "lost", "verdict"), [(40, 40, "pass"), (20, 100, "fail"), (40, 75, "inconclusive")])
def test_non_inferiority_has_three_values(gained: int, lost: int, verdict: Verdict) -> None:
    assert within(Changes(gained, lost, 2000, 2000, 200), 0.02) == verdict


def test_what_is_wanted_is_said_in_frames() -> None:
    assert wanted(Changes(8, 8, 160, 160, 160), 0.02) == (
        "160 frames of 160 recordings are worth 160 independent ones; about 1,700 are needed to tell a loss of 2 points"
    )
    assert "frames of more recordings are needed" in wanted(Changes(0, 0, 0, 160, 1), 0.01)
    assert "too near 2 points" in wanted(Changes(40, 75, 2000, 2000, 200), 0.02)


def test_the_number_that_a_sentence_names_is_enough() -> None:
    """A set of the size that an inconclusive gate asked for: four of five that lose nothing then pass."""
    asked = Changes(8, 8, 160, 160, 160).frames_needed(0.02)
    random = np.random.default_rng(4)
    drawn = random.multinomial(asked, [0.05, 0.05, 0.9], 500)
    passed = np.mean([within(Changes(up, down, asked, asked, asked), 0.02) == "pass" for up, down, _ in drawn.tolist()])
    assert passed > 0.75
    assert STRICT.class_margin == 0.02
