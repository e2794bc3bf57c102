"""Figures of repeated measurements, held against their goals; and the percentiles of a load."""

import math

import pytest

from benchmarks.serving.client import Answer, Seen
from benchmarks.serving.ground import Goal, figure, middle
from benchmarks.serving.sending import Outcome


def test_a_figure_is_the_median_with_its_spread() -> None:
    made = figure("part", "share", "", [0.8, 0.7, 0.9], Goal(at_least=0.78, above_peers=True), {"one": 0.79, "absent": None})
    assert (made.value, made.low, made.high, made.ok) == (0.8, 0.7, 0.9, True)
    assert made.goal == ">= 0.78 and above every peer"
    assert made.peers == {"one": 0.79, "absent": None}


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (Goal(), 1.0, None),
        (Goal(at_most=1), 1.0, True),
        (Goal(at_most=1), 1.01, False),
        (Goal(at_least=1), 0.99, False),
        (Goal(above_peers=True), 0.5, False),
        (Goal(at_most=1), math.nan, False),
    ],
)
def test_goals(goal: Goal, value: float, reached: bool | None) -> None:
    assert goal.reached(value, [0.5, None]) is reached


def test_of_nothing_the_middle_is_not_a_number() -> None:
    assert math.isnan(middle([]))


def test_a_load_counts_what_was_answered_in_time_and_what_failed() -> None:
    answers = [Answer(0.0, 0.1, 200), Answer(0.5, 0.2, 200), Answer(0.95, 0.2, 200), Answer(0.6, 0.1, 429)]
    outcome = Outcome(Seen(0.0, 1.2, 0.04, answers, broken=1, refused=1, unsent=0), 1.0, 0.06, 100.0, 90.0)
    assert outcome.rate == 2  # the third came after the end
    assert outcome.failed == 3
    assert outcome.cpu_ms == pytest.approx(20)
    assert outcome.client_cpu_ms == pytest.approx(10)
    assert outcome.latency_ms(50) == pytest.approx(200)
