"""The linear head against scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from retrain.models.head import balance, fit


def test_agrees_with_logistic_regression() -> None:
    data = load_digits()
    x, y = data.data[:600].astype(np.float32), data.target[:600].astype(np.int64)
    ours = fit(x, y, np.ones(600, dtype=np.float32), 10, 0.1).logits(x)
    scaled = StandardScaler().fit_transform(x)
    # Theirs minimises C * sum of losses + |W|^2 / 2, ours the mean of losses + l2 |W|^2 / 2: C = 1 / (n l2).
    theirs = LogisticRegression(C=1 / (600 * 0.1), max_iter=2000, tol=1e-8).fit(scaled, y).decision_function(scaled)
    difference = (ours - ours.mean(axis=1, keepdims=True)) - (theirs - theirs.mean(axis=1, keepdims=True))
    assert np.abs(difference).max() < 0.02
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.995


def test_a_feature_that_never_moves_is_not_blown_up() -> None:
    random = np.random.default_rng(0)
    x = np.c_[random.normal(size=(200, 3)), np.full(200, 7.0)].astype(np.float32)
    head = fit(x, (x[:, 0] > 0).astype(np.int64), np.ones(200, dtype=np.float32), 2, 0.01)
    assert np.isfinite(head.weight).all()
    assert np.abs(head.weight[:, 3]).max() < 1e-3


def test_weights_count_as_repetition() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2
    weight = np.where(np.arange(60) < 20, 3.0, 1.0).astype(np.float32)
    repeated = np.r_[np.arange(20), np.arange(20), np.arange(60)]
    a = fit(x, y, weight, 2, 0.1).logits(x)
    b = fit(x[repeated], y[repeated], np.ones(100, dtype=np.float32), 2, 0.1).logits(x)
    assert np.abs(a - b).max() < 1e-2


@pytest.mark.parametrize(("power", "ratio"), [(0.0, 9.0), (0.5, 3.0), (1.0, 1.0)])
def test_balance_moves_class_totals(power: float, ratio: float) -> None:
    truth = np.array([0] * 90 + [1] * 10)
    weight = balance(truth, 2, power)
    assert weight[:90].sum() / weight[90:].sum() == pytest.approx(ratio, rel=1e-5)


def test_the_same_input_gives_the_same_bits() -> None:
    random = np.random.default_rng(0)
    x, y, w = random.normal(size=(80, 5)).astype(np.float32), np.arange(80) % 3, np.ones(80, dtype=np.float32)
    assert fit(x, y, w, 3, 0.1).weight.tobytes() == fit(x, y, w, 3, 0.1).weight.tobytes()
