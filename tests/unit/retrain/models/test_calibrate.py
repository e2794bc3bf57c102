"""Temperature and calibration error."""

import numpy as np
import pytest

from retrain.models.calibrate import calibration_error, honest_error, log_loss, probabilities, softmax, temperature


def drawn(logits: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.random((len(logits), 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)


@pytest.mark.parametrize("wanted", [0.5, 1.0, 3.0])
def test_finds_the_temperature_that_labels_were_drawn_at(wanted: float) -> None:
    logits = np.random.default_rng(1).normal(scale=2.0, size=(20_000, 3))
    assert temperature(logits * wanted, drawn(logits, 2)) == pytest.approx(wanted, rel=0.05)


def test_no_other_temperature_has_less_log_loss() -> None:
    logits = np.random.default_rng(3).normal(scale=3.0, size=(500, 4))
    truth, ones = drawn(logits / 2, 4), np.ones(500)
    best = temperature(logits, truth)
    assert all(log_loss(logits / best, truth, ones) <= log_loss(logits / t, truth, ones) + 1e-9 for t in (0.5, 1, 1.9, 2.1, 4))


def test_probabilities_of_either_kind_of_scores_agree() -> None:
    logits = np.random.default_rng(5).normal(size=(50, 3))
    by_logits = probabilities(logits, "logits", 1.7)
    assert np.abs(by_logits - probabilities(softmax(logits), "probabilities", 1.7)).max() < 1e-9
    assert np.abs(by_logits.sum(axis=1) - 1).max() < 1e-12
    assert np.isfinite(probabilities(np.array([[1.0, 0.0]]), "probabilities", 1.0)).all()


def test_calibration_error_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    # Bin of 0.9: half right, gap 0.4; bin of 0.6: all right, gap 0.4.
    assert calibration_error(p, np.array([0, 1, 0, 0])) == pytest.approx(0.4)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


def test_honest_error_covers_a_calibrated_model_and_shrinks_with_frames() -> None:
    logits = np.random.default_rng(6).normal(scale=1.5, size=(300, 2))
    p = softmax(logits)
    limit = honest_error(p, 0)
    within = np.mean([calibration_error(p, drawn(logits, seed)) <= limit for seed in range(200)])
    assert within > 0.95
    assert honest_error(np.repeat(p, 10, axis=0), 0) < limit / 2
