"""The demo's arithmetic: frames and proof are counted by frame and version, and nothing else is."""

import pytest

from standalone import account
from standalone.camera import Answer, Shot
from standalone.photographs import Cell
from standalone.witness import Scoring


def answer(
    frame_id: str, defective: bool, label: str = "functional", phase: str = "", version: str = "1", **changes: object
) -> Answer:
    cell = Cell(int(frame_id), "poly" if changes.get("poly", True) else "mono", defective, 0)
    shot = Shot(cell, b"", smeared=bool(changes.get("smeared", False)), phase=phase)
    return Answer("audit" if phase else "cam-1", shot, 1000.0 + int(frame_id), frame_id, version, "champion", label, None)


def scoring(frame_id: str, positive: float, version: str = "1", variant: str = "champion") -> Scoring:
    return Scoring(frame_id, "cam-1", version, variant, "defective" if positive > 0.5 else "functional", positive)


def test_a_frame_counts_when_it_was_answered_and_scored_by_the_version_that_answered() -> None:
    answers = [answer("1", False), answer("2", False), answer("3", False)]
    scorings = [scoring("1", 0.1), scoring("1", 0.1, "2", "shadow"), scoring("2", 0.1, "2"), scoring("3", 0.1, "1", "shadow")]
    assert account.frames(4, answers, scorings) == account.Count(4, 1)
    assert account.Count(4, 1).lost == 3


def test_the_proof_is_by_kind_and_moment_and_only_of_the_version_expected_then() -> None:
    answers = [
        answer("1", True, phase="before"),
        answer("2", False, phase="before"),
        answer("3", True, phase="during", version="2"),  # answered after the swap: no evidence about `during`
        answer("4", True, phase="after", version="2"),
        answer("5", False, phase="after", version="2", poly=False),
        answer("6", True),  # of the line, not of the proof
    ]
    scorings = [
        scoring("1", 0.9),
        scoring("2", 0.8),
        scoring("3", 0.9, "2"),
        scoring("4", 0.2, "2"),
        scoring("4", 0.9, "1", "shadow"),
        scoring("5", 0.1, "2"),
        scoring("6", 0.9),
    ]
    proof = account.proof(answers, scorings, {"before": "1", "during": "1", "after": "2"})
    assert {kind: sorted(moments) for kind, moments in proof.answering.items()} == {"mono": ["after"], "poly": ["after", "before"]}
    assert proof.answering["poly"]["before"].accuracy.value == 0.5
    assert proof.answering["poly"]["before"].accuracy.n == 2
    assert proof.answering["poly"]["after"].accuracy.value == 0.0
    assert proof.shadowing["poly"].accuracy.value == 1.0
    assert "mono" not in proof.shadowing


def test_quality_of_pairs_counts_the_defective_class_as_positive() -> None:
    pairs = [(True, 0.9), (True, 0.2), (False, 0.1), (False, 0.3), (False, 0.6)]
    quality = account.of_pairs(pairs)
    assert quality.accuracy.value == pytest.approx(3 / 5)
    assert quality.recall is not None
    assert quality.recall.value == pytest.approx(1 / 2)
    assert quality.balanced_accuracy.value == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert quality.auc is not None
    assert quality.auc.value == pytest.approx(4 / 6)  # of six pairs, .2 is below .3 and .6


def test_dots_leave_the_audit_out_and_keep_the_order_of_capture() -> None:
    answers = [answer("9", False), answer("2", True), answer("5", False, phase="before")]
    dots = account.dots(answers, 1000.0)
    assert [(dot.at_s, dot.right) for dot in dots] == [(2.0, False), (9.0, True)]
