"""What an event keeps of a prediction: order, mass and entropy, whatever the number of classes."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as shannon

from contracts.predictions import KEPT_CLASSES, KEPT_TOP, Box, Classification, Detections, Prediction, classification


@st.composite
def distributions(draw: st.DrawFn, at_most: int = 200) -> list[float]:
    masses = draw(st.lists(st.floats(0, 1), min_size=1, max_size=at_most))
    total = sum(masses)
    return [mass / total for mass in masses] if total > 0 else [1.0 / len(masses)] * len(masses)


def named(probabilities: list[float]) -> tuple[str, ...]:
    return tuple(f"class-{i}" for i in range(len(probabilities)))


@given(distributions())
def test_probabilities_are_kept_in_order_and_the_mass_with_them(probabilities: list[float]) -> None:
    kept = classification(named(probabilities), probabilities)
    assert list(kept.probabilities) == sorted(kept.probabilities, reverse=True)
    assert len(kept.labels) == len(kept.probabilities) == (len(probabilities) if len(probabilities) <= KEPT_CLASSES else KEPT_TOP)
    assert sum(kept.probabilities) + kept.rest == pytest.approx(1, abs=1e-4)
    assert kept.confidence == round(max(probabilities), 6)
    assert probabilities[int(kept.label.removeprefix("class-"))] == max(probabilities)
    if len(probabilities) <= KEPT_CLASSES:
        assert kept.rest == 0


@given(distributions(at_most=KEPT_CLASSES))
def test_entropy_is_shannons(probabilities: list[float]) -> None:
    kept = classification(named(probabilities), probabilities)
    assert kept.entropy == pytest.approx(float(shannon(probabilities)), abs=1e-3)


def test_the_classes_left_out_count_as_one() -> None:
    kept = Classification(("a", "b"), (0.5, 0.25), rest=0.25)
    assert kept.entropy == pytest.approx(float(shannon([0.5, 0.25, 0.25])))


def test_a_certain_answer_has_no_entropy_and_no_sign() -> None:
    assert math.copysign(1, classification(("a", "b"), [1.0, 0.0]).entropy) == 1


def test_probability_of_a_class_that_was_not_kept_is_zero() -> None:
    many = [1.0 / 100] * 100
    kept = classification(named(many), many)
    assert kept.probability_of("class-3") == 0.01
    assert kept.probability_of("class-99") == 0


def test_ties_keep_the_order_of_the_labels() -> None:
    assert classification(("b", "a"), [0.5, 0.5]).labels == ("b", "a")


def test_numpy_probabilities_become_plain_floats() -> None:
    kept = classification(("a", "b"), list(np.array([0.25, 0.75], np.float32)))
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Prediction) == kept


def test_detections_are_as_sure_as_their_least_sure_box() -> None:
    assert Detections((Box("car", 0, 0, 5, 5, 0.95), Box("van", 1, 1, 2, 2, 0.4))).confidence == pytest.approx(0.2)
    assert Detections((Box("car", 0, 0, 5, 5, 0.95), Box("van", 1, 1, 2, 2, 0.1))).confidence == pytest.approx(0.8)
    found = Detections((Box("car", 0, 0, 5, 5, 0.5), Box("van", 1, 1, 2, 2, 0.25)))
    assert found.confidence == 0
    assert found.entropy == pytest.approx((shannon([0.5, 0.5]) + shannon([0.25, 0.75])) / 2)


def test_nothing_found_is_an_answer() -> None:
    assert (Detections(()).confidence, Detections(()).entropy) == (1, 0)
    assert Detections((Box("car", 0, 0, 1, 1, 1.0),)).entropy == 0
