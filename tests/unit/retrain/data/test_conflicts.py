"""Labels that contradict each other."""

import numpy as np

from retrain.data.conflicts import conflicting, contradicted
from retrain.models.session import Views


def test_conflicting_labels_are_named() -> None:
    assert conflicting(["x", "y", "x", "y"], ["a", "a", "b", "a"]) == {"x"}


def test_frames_that_nearly_repeat_one_with_another_label_are_named_with_it() -> None:
    embedding = np.array([[0, 0], [30, 30], [0, 0.01], [0.01, 0], [60, 0]], np.float32)
    seen = Views(np.zeros((5, 10), np.float32), np.zeros(5, np.uint64), embedding, np.zeros((5, 2), np.float32))
    assert contradicted(seen, np.array([0, 1, 0, 0, 1])) == {}
    assert contradicted(seen, np.array([0, 1, 2, 0, 1])) == {0: 2, 2: 0, 3: 2}
