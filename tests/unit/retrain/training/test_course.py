"""The numbers of a run are checked where they are given."""

import pytest

from retrain.training.course import Course


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"epochs": 0}, "epochs is 0, expected at least 1"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"rate": 0.0}, "rate is 0.0, expected between 0 and 1"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"layer_decay": 1.5}, "layer_decay is 1.5"),
        ({"warmup": -0.1}, "warmup is -0.1"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(wrong: dict[str, float], words: str) -> None:
    right = {"epochs": 1, "batch": 8, "rate": 0.001, "seed": 0}
    Course(**right)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        Course(**(right | wrong))  # type: ignore[arg-type]
