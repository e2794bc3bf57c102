"""One number for new and old."""

import numpy as np
import pytest

from retrain.training.score import scored


def test_neither_domain_can_be_bought_with_the_other() -> None:
    truth, new = np.array([0, 0, 0, 1, 0, 1]), np.array([False, False, False, False, True, True])
    found = scored(np.array([0, 0, 0, 0, 0, 1]), truth, new)
    assert (found.new, found.old) == (1.0, 0.5)
    assert found.harmonic == pytest.approx(2 / 3)
    assert scored(1 - truth, truth, new).harmonic < 1e-6


def test_where_a_domain_has_no_frames_the_other_speaks() -> None:
    truth = np.array([0, 1])
    assert scored(np.array([0, 0]), truth, np.array([True, True]))[:3] == (0.5, 0.0, 0.5)
    assert scored(np.array([0, 0]), truth, np.array([False, False]))[:3] == (0.0, 0.5, 0.5)


def test_the_standard_error_is_that_of_repeated_draws() -> None:
    """Of 400 validation sets of 60 new frames and 200 old ones, right on .6 and .9 of them."""
    random, found = np.random.default_rng(0), []
    new = np.arange(260) < 60
    truth = np.arange(260) % 2
    for _ in range(400):
        right = random.random(260) < np.where(new, 0.6, 0.9)
        found.append(scored(np.where(right, truth, 1 - truth), truth, new))
    spread = float(np.std([one.harmonic for one in found]))
    assert np.mean([one.error for one in found]) == pytest.approx(spread, rel=0.15)  # the first order of it
    assert 0.03 < spread < 0.06
