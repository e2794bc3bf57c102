"""The gate "recall": "always fine" is refused, a useful candidate is not."""

import numpy as np
import pytest

from contracts.quality import quality
from retrain.gates.gain import gain
from retrain.gates.policy import SMALL_SETS
from retrain.gates.recall import balanced_accuracy, recall
from tests.judged import LABELS, always, judged


def test_always_fine_is_refused_although_its_accuracy_rises() -> None:
    new = always(judged(240, 0.35, 0.0, 1), 0)
    assert gain(new, SMALL_SETS, 0).verdict == "pass"
    benchmark = quality(LABELS, new.truth, new.champion, "defective")
    result = recall(new.truth, new.candidate, LABELS, "defective", benchmark)
    assert result.verdict == "fail"
    assert result.value == 0.0
    assert recall(new.truth, new.candidate, LABELS, None, None).verdict == "fail"
    assert recall(new.truth, always(new, 1).candidate, LABELS, "defective", benchmark).verdict == "fail"


def test_a_useful_candidate_s_recall_passes() -> None:
    passed = [judged(240, 0.35, 0.75, seed) for seed in range(40)]
    benchmark = quality(LABELS, passed[0].truth, judged(240, 0.8, 0.8, 99).champion, None)
    assert all(recall(j.truth, j.candidate, LABELS, "defective", None).verdict == "pass" for j in passed)
    assert all(recall(j.truth, j.candidate, LABELS, None, benchmark).verdict == "pass" for j in passed)


def test_without_a_positive_frame_recall_cannot_be_judged() -> None:
    truth = np.zeros(60, dtype=np.int64)
    assert recall(truth, np.tile([0.9, 0.1], (60, 1)), LABELS, "defective", None).verdict == "inconclusive"


def test_balanced_accuracy_is_the_mean_recall_and_its_bound_lies_below() -> None:
    truth, predicted = np.array([0] * 80 + [1] * 20), np.array([0] * 80 + [0] * 10 + [1] * 10)
    value, low = balanced_accuracy(predicted, truth)
    assert value == pytest.approx(0.75)
    assert 0.6 < low < 0.72
