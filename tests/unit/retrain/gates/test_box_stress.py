"""The gate "stress" of a detector: one that bears a corruption less well than the champion is refused, and the corruption named."""

import numpy as np

from retrain.gates.box_evidence import JudgedBoxes
from retrain.gates.box_stress import stress
from retrain.gates.policy import SMALL_SETS, STRICT
from tests.judged_boxes import judged

KINDS = ("dark", "fog", "noise")


def under_each(images: int, dark: float, seed: int = 1) -> tuple[JudgedBoxes, tuple[str, ...]]:
    """Images under three corruptions; of the dark ones the candidate finds the share `dark`, of everything else both find 0.7."""
    names = KINDS * images
    usual, poor = judged(3 * images, 0.7, 0.7, seed, together=1.0), judged(3 * images, 0.7, dark, seed, together=1.0)
    candidate = tuple(
        other if name == "dark" else one for one, other, name in zip(usual.candidate, poor.candidate, names, strict=True)
    )
    return JudgedBoxes(usual.truth, usual.champion, candidate, usual.camera, usual.group, 0.5), names


def test_one_that_sees_nothing_in_the_dark_is_refused() -> None:
    for policy in (STRICT, SMALL_SETS):
        found = stress(*under_each(60, 0.1), policy)
        assert found.verdict == "fail"
        assert "the worst is dark" in found.detail


def test_one_that_bears_all_of_it_as_the_champion_does_passes() -> None:
    assert stress(*under_each(60, 0.7), STRICT).verdict == "pass"


def test_too_few_frames_judge_nothing() -> None:
    judges, names = under_each(1, 0.1)
    assert stress(judges, names, STRICT).verdict == "inconclusive"


def test_a_rise_that_may_be_chance_is_inconclusive() -> None:
    judges, names = under_each(3, 0.4, seed=4)
    found = stress(judges, names, STRICT)
    assert found.value > 1.05
    assert found.verdict == "inconclusive"
    assert stress(judges, names, SMALL_SETS).verdict == "pass"
    assert np.isfinite(found.value)
