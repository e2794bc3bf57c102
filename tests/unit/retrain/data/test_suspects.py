"""Labels to look at again: the rule against cleanlab's, and how many of the wrong ones it finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from retrain.data.suspects import suspects
from retrain.models.calibrate import softmax
from retrain.training.crossfit import Development, cross_fit


@pytest.mark.filterwarnings("ignore:May not flag all label issues")
@given(st.integers(0, 10_000), st.integers(20, 120), st.integers(2, 6), st.floats(0.0, 3.0))
def test_the_same_labels_as_cleanlab_but_for_rounding(seed: int, rows: int, classes: int, blurred: float) -> None:
    from cleanlab.filter import find_label_issues

    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, rows)
    shown = np.where(random.random(rows) < 0.6, truth, random.integers(0, classes, rows))
    p = softmax(random.normal(size=(rows, classes)) * blurred + 2.0 * np.eye(classes)[shown])
    theirs = find_label_issues(truth, p, return_indices_ranked_by="self_confidence", n_jobs=1)
    ours, likely = suspects(truth, p)
    assert len(set(ours.tolist()) ^ set(np.asarray(theirs).tolist())) <= classes
    assert (np.diff(p[ours, truth[ours]]) >= 0).all()
    assert (likely == p[ours].argmax(axis=1)).all()
    assert (likely != truth[ours]).all()


def test_a_class_that_no_label_names_makes_nothing_suspect() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.05, 0.05, 0.9], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]])
    rows, likely = suspects(np.array([0, 0, 0, 1, 1]), p)
    assert (rows.tolist(), likely.tolist()) == ([4], [0])


def test_a_frame_that_could_speak_for_two_classes_speaks_for_the_more_probable() -> None:
    p = np.array([[0.45, 0.5, 0.05]] * 4 + [[0.5, 0.45, 0.05]] * 4 + [[0.0, 0.0, 1.0]] * 4)
    rows, likely = suspects(np.repeat(np.arange(3), 4), p)
    assert sorted(rows.tolist()) == [0, 1, 2, 4, 5, 6], "one of each class stays, as many as speak for it at least"
    assert sorted(likely.tolist()) == [0, 0, 0, 1, 1, 1]


def test_nothing_is_suspect_where_there_is_nothing_or_all_is_as_said() -> None:
    assert [found.tolist() for found in suspects(np.zeros(0, np.int64), np.zeros((0, 3)))] == [[], []]
    assert suspects(np.arange(3), np.eye(3))[0].tolist() == []


@pytest.mark.parametrize("seed", range(2))
def test_of_a_fifth_of_labels_turned_wrong_most_are_found_and_most_of_those_found_are_wrong(seed: int) -> None:
    data = load_digits()
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(data.target))[:600])
    truth = data.target[rows].astype(np.int64)
    wrong = random.random(600) < 0.2
    said = np.where(wrong, (truth + random.integers(1, 10, 600)) % 10, truth)
    groups = tuple(f"r{i // 10}" for i in range(600))
    embedding = data.data[rows].astype(np.float32)
    fitted = cross_fit(Development(embedding, said, groups, np.zeros(600, dtype=np.bool_)), 10, seed)
    found, likely = suspects(said, softmax(fitted.out_of_fold / fitted.temperature))
    recall, precision = wrong[found].sum() / wrong.sum(), wrong[found].mean()
    assert recall >= 0.75, recall
    assert precision >= 0.75, precision
    assert (likely == truth[found])[wrong[found]].mean() > 0.8
