"""The gate "export parity" of a detector: the same boxes pass in either order of equals, a moved, missing or new one does not."""

import numpy as np
import pytest

from retrain.gates.box_parity import parity

ROWS = np.array(
    [[[10, 10, 30, 30, 0.9, 0], [40, 40, 60, 60, 0.8, 1], [5, 5, 9, 9, 0.8, 1], [1, 1, 2, 2, 0.04, 0], [0, 0, 0, 0, 0, 0]]],
    np.float32,
)


def changed(row: int, column: int, by: float) -> np.ndarray:
    rows = ROWS.copy()
    rows[0, row, column] += by
    return rows


def test_the_same_boxes_pass_whatever_the_order_of_equals() -> None:
    assert parity(ROWS, ROWS, 64, (1,)).verdict == "pass"
    assert parity(ROWS, ROWS[:, [0, 2, 1, 3, 4]], 64, (1,)).verdict == "pass"
    assert parity(ROWS, changed(3, 0, 30.0), 64, (1,)).verdict == "pass"  # below the floor it is no box
    assert parity(ROWS, changed(1, 4, 5e-4), 64, (1,)).verdict == "pass"


@pytest.mark.parametrize(("row", "column", "by"), [(0, 0, 1.0), (1, 4, 0.01), (2, 5, -1.0), (0, 4, -0.9), (4, 4, 0.7)])
def test_a_box_that_moved_or_is_missing_or_new_fails(row: int, column: int, by: float) -> None:
    assert parity(ROWS, changed(row, column, by), 64, (1, 3)).verdict == "fail"


def test_a_box_that_is_said_twice_has_no_like_for_the_second() -> None:
    twice = ROWS.copy()
    twice[0, 4] = ROWS[0, 0]
    found = parity(ROWS, twice, 64, (1,))
    assert (found.verdict, "one has no like" in found.detail) == ("fail", True)


def test_other_shapes_and_what_is_no_number_fail() -> None:
    assert parity(ROWS, ROWS[:, :3], 64, (1,)).verdict == "fail"
    assert parity(ROWS, changed(0, 0, np.nan), 64, (1,)).verdict == "fail"
