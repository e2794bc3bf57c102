"""The gate "calibration": the overconfident are refused, small sets are not taken for them."""

import numpy as np

from retrain.gates.calibration import calibration
from retrain.gates.evidence import Judged
from retrain.gates.policy import SMALL_SETS, STRICT
from tests.judged import judged


def drawn(n: int, seed: int) -> tuple[Judged, Judged]:
    """An honest candidate of 75 % confidence, and one that is as often right but nearly sure."""
    random = np.random.default_rng(seed)
    truth = (random.random(n) < 0.5).astype(np.int64)
    honest = np.where((random.random(n) < 0.75)[:, None] == (np.arange(2) == truth[:, None]), 0.75, 0.25)
    sure = np.where(honest > 0.5, 0.999, 0.001)
    names = ("c",) * n
    return Judged(truth, honest, honest, names, names), Judged(truth, honest, sure, names, names)


def test_refuses_the_overconfident() -> None:
    empty = judged(0, 0.5, 0.5, 0)
    for policy in (STRICT, SMALL_SETS):
        honest, sure = drawn(1000, 0)
        assert calibration(honest, empty, 0, policy).verdict == "pass"
        assert calibration(sure, empty, 0, policy).verdict == "fail"


def test_what_a_perfect_model_may_show_is_inconclusive() -> None:
    empty = judged(0, 0.5, 0.5, 0)
    random = np.random.default_rng(5)
    p = np.sort(random.uniform(0.5, 1.0, 60))
    truth = (random.random(60) > p).astype(np.int64)
    candidate = np.stack([p, 1 - p], axis=1)
    perfect = np.eye(2)[truth]
    few = Judged(truth, perfect, candidate, ("c",) * 60, ("c",) * 60)
    assert calibration(few, empty, 0, STRICT).verdict == "inconclusive"
    assert calibration(few, empty, 0, SMALL_SETS).verdict == "pass"
