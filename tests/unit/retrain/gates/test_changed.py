"""What got better and worse, and the grid of the stress gate, against a count by hand."""

import numpy as np

from retrain.gates.changed import Cell, Change, changed, grid
from retrain.gates.corruptions import CORRUPTIONS
from retrain.gates.evidence import Judged

LABELS = ("a", "b")


def judged(truth: list[int], champion: list[float], candidate: list[float]) -> Judged:
    """`champion` and `candidate` are probabilities of `b`."""
    both = (np.array([[1 - p, p] for p in one]) for one in (champion, candidate))
    return Judged(np.array(truth), *both, tuple(f"cam-{i}" for i in range(len(truth))), ("r",) * len(truth))


def test_changes_are_those_that_one_of_the_two_gets_right_the_surest_first() -> None:
    found = changed(judged([0, 0, 1, 1, 1], [0.9, 0.6, 0.1, 0.9, 0.8], [0.1, 0.4, 0.2, 0.8, 0.3]), np.arange(5) + 40, LABELS, "new")
    assert [one.row for one in found.better] == [40, 41]
    assert found.worse == (Change(44, "new", "cam-4", "b", "b", "a", found.worse[0].lead),)
    assert round(found.worse[0].lead, 3) == -0.5


def test_nobody_changes_where_nothing_is_judged() -> None:
    empty = Judged(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 2)), (), ())
    assert changed(empty, np.zeros(0, np.int64), LABELS, "old") == ((), ())


def test_the_grid_counts_each_class_under_each_corruption() -> None:
    each = len(CORRUPTIONS)
    truth = [0] * each + [1] * each + [1] * each
    champion = [0.1] * each + [0.9] * each + [0.1] * each
    candidate = [0.9] + [0.1] * (each - 1) + [0.9] * each + [0.9] * each
    found = grid(judged(truth, champion, candidate), ("a", "b", "never seen"))
    assert set(found) == {"a", "b"}
    assert found["a"] == (Cell(0.0, 1.0, 1), *[Cell(0.0, 0.0, 1)] * (each - 1))
    assert found["b"] == (Cell(0.5, 0.0, 2),) * each
