"""The quality figures against scikit-learn and scipy, ties and missing classes included."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn import metrics as oracle

from contracts.quality import Metric, auc, quality, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LABELS = ("good", "defect", "unsure")


@st.composite
def cases(draw: st.DrawFn, classes: int | None = None) -> tuple[Ints, Floats]:
    """Truth [N] and probabilities [N, K] with few distinct values, so that ties are common."""
    k = classes or draw(st.integers(2, 3))
    n = draw(st.integers(1, 60))
    truth = np.array(draw(st.lists(st.integers(0, k - 1), min_size=n, max_size=n)), np.int64)
    weights = draw(st.lists(st.lists(st.integers(1, 4), min_size=k, max_size=k), min_size=n, max_size=n))
    raw = np.array(weights, np.float64)
    return truth, raw / raw.sum(axis=1, keepdims=True)


@given(st.integers(1, 2000), st.floats(0, 1))
def test_wilson(n: int, share: float) -> None:
    hits = round(share * n)
    wanted = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    got = wilson(hits, n)
    assert (got.value, got.n) == (hits / n, n)
    assert got.low == pytest.approx(wanted.low, abs=1e-6)
    assert got.high == pytest.approx(wanted.high, abs=1e-6)
    assert 0 <= got.low <= got.value <= got.high <= 1


def test_wilson_at_another_level() -> None:
    wanted = binomtest(30, 40).proportion_ci(0.90, method="wilson")
    got = wilson(30, 40, z=1.6448536269514722)
    assert (got.low, got.high) == pytest.approx((wanted.low, wanted.high))


@pytest.mark.parametrize("n", [0, -1])
def test_no_cases_no_figure(n: int) -> None:
    with pytest.raises(ValueError, match="undefined"):
        wilson(0, n)


@given(cases())
def test_accuracy_and_balanced_accuracy(case: tuple[Ints, Floats]) -> None:
    truth, probabilities = case
    got = quality(LABELS[: probabilities.shape[1]], truth, probabilities)
    predicted = probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes that never occur
        assert got.accuracy.value == pytest.approx(oracle.accuracy_score(truth, predicted))
        assert got.balanced_accuracy.value == pytest.approx(oracle.balanced_accuracy_score(truth, predicted))
    assert got.accuracy.n == len(truth)


@given(cases(classes=2))
def test_recall_precision_and_auc_of_a_positive_class(case: tuple[Ints, Floats]) -> None:
    truth, probabilities = case
    got = quality(LABELS[:2], truth, probabilities, positive="defect")
    predicted = probabilities.argmax(axis=1)
    if truth.any():
        assert got.recall is not None
        assert got.recall.value == pytest.approx(oracle.recall_score(truth, predicted))
    else:
        assert got.recall is None
    if predicted.any():
        assert got.precision is not None
        assert got.precision.value == pytest.approx(oracle.precision_score(truth, predicted))
    else:
        assert got.precision is None
    if 0 < truth.sum() < len(truth):
        assert got.auc is not None
        assert got.auc.value == pytest.approx(oracle.roc_auc_score(truth, probabilities[:, 1]))
    else:
        assert got.auc is None


@given(cases(classes=3))
def test_macro_figures_without_a_positive_class(case: tuple[Ints, Floats]) -> None:
    truth, probabilities = case
    assume(set(truth) == {0, 1, 2})
    got = quality(LABELS, truth, probabilities)
    predicted = probabilities.argmax(axis=1)
    assert got.recall is not None
    assert got.auc is not None
    assert got.precision is not None
    assert got.recall.value == pytest.approx(oracle.recall_score(truth, predicted, average="macro"))
    one_vs_rest = [oracle.roc_auc_score(truth == k, probabilities[:, k]) for k in range(3)]
    assert got.auc.value == pytest.approx(np.mean(one_vs_rest))
    flagged = [k for k in range(3) if (predicted == k).any()]
    assert got.precision.value == pytest.approx(np.mean([(truth[predicted == k] == k).mean() for k in flagged]))


@given(cases())
def test_every_figure_lies_in_its_interval(case: tuple[Ints, Floats]) -> None:
    truth, probabilities = case
    got = quality(LABELS[: probabilities.shape[1]], truth, probabilities)
    figures = [got.accuracy, got.balanced_accuracy, got.recall, got.precision, got.auc, *got.per_class.values()]
    for one in (figure for figure in figures if figure is not None):
        assert 0 <= one.low <= one.value + 1e-12
        assert one.value - 1e-12 <= one.high <= 1
        assert one.n > 0


def test_a_class_that_never_occurs_has_no_figure() -> None:
    got = quality(LABELS, np.array([0, 0, 1]), np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.9, 0]]), positive="unsure")
    assert set(got.per_class) == {"good", "defect"}
    assert (got.recall, got.precision, got.auc) == (None, None, None)


def test_constant_scores_are_a_coin() -> None:
    """All tied: a rank test that broke ties by order would say 0 or 1."""
    got = auc(np.full(50, 0.3), np.arange(50) < 20)
    assert got is not None
    assert got.value == 0.5
    assert got.low < 0.5 < got.high


def test_perfect_and_inverted_scores() -> None:
    perfect, inverted = auc(np.arange(10.0), np.arange(10) >= 5), auc(-np.arange(10.0), np.arange(10) >= 5)
    assert perfect is not None
    assert inverted is not None
    assert (perfect.value, inverted.value) == (1, 0)


def test_the_interval_of_the_auc_is_hanley_and_mcneils() -> None:
    """Their own example (1982, table II): 51 abnormal and 58 normal CT images, area 0.893, standard error 0.032 by the formula."""
    normal, abnormal = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
    scores = np.concatenate([np.repeat(np.arange(5.0), normal), np.repeat(np.arange(5.0), abnormal)])
    got = auc(scores, np.arange(len(scores)) >= 58)
    assert got is not None
    assert got.value == pytest.approx(0.893, abs=0.0005)
    assert (got.value - got.low) / 1.959964 == pytest.approx(0.032, abs=0.0005)
    assert got.n == 109


def test_the_interval_of_the_accuracy_covers() -> None:
    """Of 1,000 draws of 100 cases at true accuracy 0.8 the 95 % interval misses about 50 times, never as often as 80."""
    hits = np.random.default_rng(5).binomial(100, 0.8, 1000)
    misses = sum(not wilson(float(count), 100).low <= 0.8 <= wilson(float(count), 100).high for count in hits)
    assert 20 <= misses <= 80


@pytest.mark.parametrize(
    ("labels", "truth", "probabilities", "positive", "message"),
    [
        (("a", "b"), [], np.zeros((0, 2)), None, "at least one case"),
        (("a", "b"), [0], np.zeros((2, 2)), None, r"probabilities \[1, 2\], got \[2, 2\]"),
        (("a", "b"), [0], np.zeros((1, 3)), None, r"probabilities \[1, 2\], got \[1, 3\]"),
        (("a", "b"), [2], np.zeros((1, 2)), None, "truth has the class 2, there are 0 to 1"),
        (("a", "b"), [-1], np.zeros((1, 2)), None, "truth has the class -1"),
        (("a", "b"), [0], np.zeros((1, 2)), "c", "positive label 'c' is none of"),
    ],
)
def test_what_cannot_be_judged_is_refused(
    labels: tuple[str, ...], truth: list[int], probabilities: Floats, positive: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        quality(labels, np.array(truth, np.int64), probabilities, positive)


def test_figures_are_plain_numbers() -> None:
    got = quality(("a", "b"), np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]]), "b")
    for one in (got.accuracy, got.recall, got.auc, got.precision, got.balanced_accuracy):
        assert isinstance(one, Metric)
        assert type(one.value) is float
        assert type(one.low) is float
        assert type(one.n) is int
        assert math.isfinite(one.high)
