"""The rule that says what is tried, as the design's table has it."""

import pytest

from contracts.incidents import Cause
from retrain.request import Technique
from retrain.training.technique import best, far, in_turn, near, prior


@pytest.mark.parametrize(
    ("labels", "is_near", "cause", "is_far", "wanted"),
    [
        (200, True, "environment_change", False, ("head_only", "lp_ft")),
        (200, True, None, False, ("head_only", "lp_ft")),
        (200, False, "environment_change", False, ("full", "lp_ft")),
        (5_000, True, "population_change", False, ("full", "lp_ft")),
        (200, True, "new_class", False, ("lp_ft", "full")),
        (20_000, False, "concept_drift", True, ("lp_ft", "full")),
        (10_000, True, "environment_change", False, ("full", "scratch")),
        (2_000, False, "environment_change", True, ("full", "scratch")),
    ],
)
def test_first_choice_and_runner_up(
    labels: int, is_near: bool, cause: Cause | None, is_far: bool, wanted: tuple[Technique, Technique]
) -> None:
    assert prior(labels, is_near, cause, is_far) == wanted


def test_near_and_far_are_three_and_fifteen_points() -> None:
    assert (near(0.801, 0.83), near(0.79, 0.83)) == (True, False)
    assert (far(0.69, 0.83), far(0.66, 0.83)) == (False, True)


def test_the_head_alone_is_always_tried_and_first() -> None:
    assert in_turn(("lp_ft", "full")) == ("head_only", "lp_ft", "full")
    assert in_turn(("lp_ft", "head_only")) == ("head_only", "lp_ft")
    assert in_turn(()) == ("head_only",)


def test_of_equals_the_cheaper_is_taken() -> None:
    assert best({"head_only": (0.80, 0.0), "full": (0.809, 0.0)}) == "head_only"
    assert best({"head_only": (0.80, 0.0), "full": (0.811, 0.0)}) == "full"
    assert best({"head_only": (0.70, 0.0), "full": (0.811, 0.0), "lp_ft": (0.805, 0.0)}) == "lp_ft"
    assert best({"scratch": (0.9, 0.0), "full": (0.895, 0.0)}) == "full"


def test_what_two_standard_errors_part_is_equal() -> None:
    assert best({"head_only": (0.655, 0.05), "full": (0.673, 0.05)}) == "head_only"
    assert best({"head_only": (0.655, 0.05), "full": (0.75, 0.05)}) == "head_only"
    assert best({"head_only": (0.655, 0.05), "full": (0.76, 0.05)}) == "full"
    assert best({"head_only": (0.655, 0.5), "full": (0.68, 0.01)}) == "full"
