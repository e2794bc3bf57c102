"""Paired statistics against exact enumeration and simulation."""

import math

import numpy as np
import pytest

from retrain.gates.paired import Judged, balanced_accuracy, holm, mcnemar_mid_p, paired_difference, together


@pytest.mark.parametrize(("worse", "better"), [(0, 5), (3, 9), (7, 7), (9, 2)])
def test_mid_p_is_the_exact_tail_less_half_the_point(worse: int, better: int) -> None:
    n = worse + better
    point = [math.comb(n, k) / 2**n for k in range(n + 1)]
    assert mcnemar_mid_p(worse, better) == pytest.approx(sum(point[: worse + 1]) - point[worse] / 2)


def test_nothing_changed_is_no_gain() -> None:
    assert mcnemar_mid_p(0, 0) == 1.0


def test_mid_p_rejects_no_more_than_it_may_when_nothing_is_gained() -> None:
    random = np.random.default_rng(0)
    losses = random.binomial(40, 0.5, 4000)
    assert np.mean([mcnemar_mid_p(int(k), 40 - int(k)) < 0.05 for k in losses]) < 0.065


def test_bounds_of_the_paired_difference_hold_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(1)
    above = []
    for _ in range(2000):
        change = random.random(150)
        first = random.random(150) < 0.8
        second = np.where(change < 0.10, ~first, first)  # symmetric changes of right and wrong: the true difference follows
        truth = 0.10 * (0.2 - 0.8)
        _, low, high = paired_difference(first, second)
        above.append((low <= truth, truth <= high))
    assert np.mean(above, axis=0) == pytest.approx([0.95, 0.95], abs=0.03)


def test_balanced_accuracy_is_the_mean_recall_and_its_bound_lies_below() -> None:
    truth, predicted = np.array([0] * 80 + [1] * 20), np.array([0] * 80 + [0] * 10 + [1] * 10)
    value, low = balanced_accuracy(predicted, truth)
    assert value == pytest.approx(0.75)
    assert 0.6 < low < 0.72


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03], 0.05) == [True, False, False]
    assert holm([0.01, 0.02, 0.03], 0.05) == [True, True, True]
    assert holm([]) == []


def test_sets_come_together_in_order() -> None:
    def one(k: int) -> Judged:
        p = np.eye(2)[[k, k]]
        return Judged(np.array([0, 1]), p, p, (f"c{k}", f"c{k}"))

    both = together(one(0), one(1))
    assert len(both) == 4
    assert both.champion_right.tolist() == [True, False, False, True]
    assert both.camera == ("c0", "c0", "c1", "c1")
