"""Precision and recall that a model expects of itself: by their definition, and against the truth where the model is calibrated."""

import numpy as np
import pytest

from monitor.items import expected

LABELS = ("ok", "scratch", "dent")
CLASSES = (0, 1, 2)


def calibrated(n: int, seed: int, tilt: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [n, 3] and truths drawn from them; `tilt` moves the mix, and the model knows it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 3)) + np.array([tilt, 0, 0])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (shares.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 2)
    return shares, truth.astype(np.int32)


def confusion(shares: np.ndarray, k: int) -> tuple[float, float]:
    """nannyml's estimated confusion matrix of class k against the rest, and what follows: precision and recall."""
    answered = shares.argmax(axis=1) == k
    own = shares[:, k]
    hits, false, missed = own[answered].sum(), (1 - own[answered]).sum(), own[~answered].sum()
    return hits / (hits + false), hits / (hits + missed)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_estimated_confusion_matrix_of_cbpe(seed: int) -> None:
    shares, _ = calibrated(500, seed)
    found = expected.rates(expected.features(shares, CLASSES).mean(axis=0))
    assert found == pytest.approx(np.array([confusion(shares, k) for k in CLASSES]))


@pytest.mark.parametrize("tilt", [0.0, 1.5, -1.5])
def test_of_a_calibrated_model_it_is_the_truth_whatever_the_mix(tilt: float) -> None:
    shares, truth = calibrated(20_000, 1, tilt)
    found = expected.rates(expected.features(shares, CLASSES).mean(axis=0))
    said = shares.argmax(axis=1)
    for k in CLASSES:
        hits = ((said == k) & (truth == k)).sum()
        assert found[k] == pytest.approx([hits / (said == k).sum(), hits / (truth == k).sum()], abs=0.03)


def test_what_the_reference_missed_is_taken_off_and_rest_is_no_movement() -> None:
    shares, truth = calibrated(4000, 2)
    means = expected.features(shares, CLASSES).mean(axis=0)
    worse = np.where(np.random.default_rng(3).random(4000) < 0.2, (truth + 1) % 3, truth).astype(np.int32)
    made = expected.calibrate(LABELS, CLASSES, means, np.zeros((2, 5, 9)), shares.argmax(axis=1), worse)
    said = shares.argmax(axis=1)
    assert [e.metric for e in made.read(means)][:2] == ["precision of ok", "recall of ok"]
    for e in made.read(means):
        assert (e.moved, e.half) == (0, 0)
    assert made.read(means)[0].before == pytest.approx(((said == 0) & (worse == 0)).sum() / (said == 0).sum())


def test_the_interval_is_the_spread_of_the_null_banks() -> None:
    shares, truth = calibrated(4000, 4)
    means = expected.features(shares, CLASSES).mean(axis=0)
    banks = np.stack([expected.features(calibrated(200, 10 + i)[0], CLASSES).mean(axis=0) - means for i in range(100)])[None]
    made = expected.calibrate(LABELS, CLASSES, means, banks, shares.argmax(axis=1), truth)
    again = [expected.rates(means + bank) for bank in banks[0]]
    assert made.half == pytest.approx(1.96 * np.sqrt(np.mean([(r - made.level) ** 2 for r in again], axis=0)))
    assert (made.half > 0).all()
    assert (made.half < 0.2).all()


def test_a_class_that_is_never_answered_has_no_precision_and_nothing_warns() -> None:
    shares = np.tile([0.9, 0.1, 0.0], (50, 1))
    means = expected.features(shares, CLASSES).mean(axis=0)
    made = expected.calibrate(LABELS, CLASSES, means, np.zeros((1, 1, 9)), shares.argmax(axis=1), np.full(50, -1, np.int32))
    assert [e.metric for e in made.read(means)] == ["precision of ok", "recall of ok", "recall of scratch"]
    assert made.read(means)[0].before == pytest.approx(0.9)  # without truths, its own expectation


def test_the_positive_class_or_few_classes_are_looked_at() -> None:
    assert expected.watched(LABELS, "dent") == (2,)
    assert expected.watched(LABELS, None) == CLASSES
    assert expected.watched(tuple("abcdefgh"), None) == ()
    assert expected.features(np.full((3, 8), 1 / 8), ()).shape == (3, 0)
