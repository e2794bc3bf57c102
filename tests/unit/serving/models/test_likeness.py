"""What counts as the same answer as the recorded one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.models.likeness import boxes_differ, embedding_differs, probabilities_differ

PROBABILITIES = np.array([[0.9, 0.1], [0.505, 0.495], [0.2, 0.8]], np.float32)
EMBEDDING = np.zeros((3, 2), np.float32)


def _found(*off: tuple[int, int, float]) -> NDArray[np.float64]:
    found = PROBABILITIES.astype(np.float64)
    for row, column, by in off:
        found[row, column] += by
    return found


def test_the_same_answers_and_answers_within_the_tolerance_pass() -> None:
    assert probabilities_differ(PROBABILITIES, _found(), 0.01) is None
    assert probabilities_differ(PROBABILITIES, _found((0, 0, 0.009), (2, 1, -0.009)), 0.01) is None
    assert embedding_differs(EMBEDDING, EMBEDDING + np.float32(0.019), 0.02) is None


def test_a_probability_that_is_off_is_named() -> None:
    off = probabilities_differ(PROBABILITIES, _found((2, 0, 0.02)), 0.01)
    assert off == "a probability of frame 2 is off by 0.02, 0.01 are allowed"
    assert "off by nan" in (probabilities_differ(PROBABILITIES, _found((1, 0, float("nan"))), 0.01) or "")


def test_an_embedding_that_is_off_is_told_in_standard_deviations() -> None:
    assert "the embedding is off by 0.03 standard" in (embedding_differs(EMBEDDING, EMBEDDING + np.float32(0.03), 0.02) or "")
    assert embedding_differs(EMBEDDING, EMBEDDING * np.float32("nan"), 0.02) is not None
    none = np.zeros((3, 0), np.float32)
    assert embedding_differs(none, none, 0.02) is None


def _rows(*boxes: tuple[float, ...]) -> NDArray[np.float32]:
    """One frame's boxes, best first, and an unused row."""
    return np.array([[*boxes, (0,) * 6]], np.float32)


KNOWN = _rows((10, 10, 40, 40, 0.9, 0), (20, 20, 80, 60, 0.5, 1), (5, 5, 9, 9, 0.06, 0))


def test_boxes_within_the_tolerance_pass_whatever_their_order() -> None:
    assert boxes_differ(KNOWN, KNOWN) is None
    moved = _rows((20.2, 20, 80.2, 60, 0.51, 1), (10, 10, 40.2, 40, 0.885, 0))  # the third was near the floor
    assert boxes_differ(KNOWN, moved) is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (_rows((10, 10, 40, 40, 0.9, 0)), "of frame 0 a box of the class 1 and the score 0.5 is missing"),
        (_rows((10, 10, 40, 40, 0.9, 0), (20, 20, 80, 60, 0.47, 1)), "score 0.5 is missing"),
        (_rows((10, 10, 40, 40, 0.9, 0), (24, 20, 84, 60, 0.5, 1)), "score 0.5 is missing"),
        (_rows((10, 10, 40, 40, 0.9, 1), (20, 20, 80, 60, 0.5, 1)), "class 0 and the score 0.9 is missing"),
        (_rows((10, 10, 40, 40, 0.9, 0), (20, 20, 80, 60, 0.5, 1), (10, 10, 40, 40, 0.9, 0)), "score 0.9 was not there"),
        (_rows((10, 10, 40, 40, float("nan"), 0), (20, 20, 80, 60, 0.5, 1)), "score nan is missing"),
    ],
)
def test_a_box_that_has_no_like_is_named(found: NDArray[np.float32], message: str) -> None:
    assert message in (boxes_differ(KNOWN, found) or "")


def test_where_all_rows_are_used_the_last_may_be_another() -> None:
    full, other = KNOWN[:, :2], _rows((10, 10, 40, 40, 0.9, 0), (50, 50, 90, 90, 0.501, 0))[:, :2]
    assert boxes_differ(full, other) is None
