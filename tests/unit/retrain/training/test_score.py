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
    assert scored(np.array([0, 0]), truth, np.array([True, True])) == (0.5, 0.0, 0.5)
    assert scored(np.array([0, 0]), truth, np.array([False, False])) == (0.0, 0.5, 0.5)
