"""Two versions' answers to one frame, and the truth: classes by name, boxes by how many meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.predictions import Box, BoxesTruth, Classification, ClassTruth, Detections, Prediction, Truth
from retrain.rollout.comparison import loss, said, same

FINE, DEFECT = Classification(("fine", "defect"), (0.9, 0.1)), Classification(("defect", "fine"), (0.6, 0.4))


def at(*lefts: float, label: str = "nut", score: float = 0.9) -> Detections:
    return Detections(tuple(Box(label, left, 0, left + 10, 10, score) for left in lefts))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (FINE, FINE, True),
        (FINE, DEFECT, False),
        (Classification(("[",), (1.0,)), Classification(("[]",), (1.0,)), False),
        (at(0, 50), at(1, 51), True),
        (at(0, 50), at(50, 0), True),
        (at(0, 50, 100), at(0, 50), True),  # two of three met: 1 - F1 is 0.2
        (at(0, 50, 100), at(0), True),  # F1 just half
        (at(0, 50, 100, 150), at(0), False),
        (at(0), at(0, label="bolt"), False),
        (at(), at(), True),
        (at(), at(0), False),
        (at(), at(0, score=0.4), True),  # below the threshold nothing is said
        (at(), Detections((Box("nut", 9, 0, 5, 5, 0.9),)), True),  # a box that is none is the guard's of invalid answers
        (FINE, at(0), False),
    ],
)
def test_which_answers_agree(one: Prediction, other: Prediction, alike: bool) -> None:
    assert same(said(one, 0.5), said(other, 0.5)) is alike
    assert same(said(other, 0.5), said(one, 0.5)) is alike


def test_an_answer_without_a_class_says_nothing() -> None:
    assert said(Classification((), ()), 0.5) == ""


@pytest.mark.parametrize(
    ("prediction", "truth", "cost"),
    [
        (FINE, ClassTruth("fine"), 0.0),
        (FINE, ClassTruth("defect"), 1.0),
        (at(0, 50), BoxesTruth(at(0, 50).boxes), 0.0),
        (at(0), BoxesTruth(at(0, 50).boxes), pytest.approx(1 / 3)),
        (at(0, score=0.4), BoxesTruth(at(0).boxes), 1.0),
        (at(), BoxesTruth(()), 0.0),
        (at(0), ClassTruth("fine"), None),
        (FINE, BoxesTruth(()), None),
        (at(0), BoxesTruth((Box("nut", 9, 0, 5, 5),)), None),
        (Classification((), ()), ClassTruth("fine"), None),
    ],
)
def test_what_an_answer_costs(prediction: Prediction, truth: Truth, cost: float | None) -> None:
    assert loss(prediction, truth, 0.5) == cost


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(3, 90), st.floats(0, 1)), max_size=20), st.floats(0.05, 0.95))
def test_every_answer_agrees_with_itself_as_remembered(boxes: list[tuple[float, float, float]], threshold: float) -> None:
    answer = Detections(tuple(Box("nut", left, left, left + side, left + side, score) for left, side, score in boxes))
    remembered = said(answer, threshold)
    assert same(remembered, said(Detections(answer.boxes[::-1]), threshold))
