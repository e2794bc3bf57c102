"""The gate "labels": a hard domain passes, labels that are wrong at random are found, however hard it is."""

import numpy as np
import pytest

from contracts.events import GateResult
from retrain.data.box_suspects import Doubt, Doubted
from retrain.data.redefined import Redefined
from retrain.gates.labels import LEAST, contradicted, meant, trusted, trusted_boxes
from retrain.gates.verdict import Verdict


def side(n: int, hardness: float, flipped: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of two classes and calibrated probabilities; the harder, the nearer they are to one half. Some labels are then turned round."""
    random = np.random.default_rng(seed)
    lean = np.clip(random.normal(0, 3 / hardness, n), -9, 9)
    p = 1 / (1 + np.exp(-lean))
    truth = (random.random(n) < p).astype(np.int64)
    turned = random.random(n) < flipped
    return np.where(turned, 1 - truth, truth), np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize(("hardness", "flipped", "found"), [(1.0, 0.0, 0), (2.0, 0.0, 0), (1.0, 0.2, 27), (2.0, 0.2, 27)])
def test_flipped_labels_are_told_from_hard_ones(hardness: float, flipped: float, found: int) -> None:
    said = [trusted(side(250, hardness, flipped, seed), side(800, 1.0, 0.0, 1000 + seed)).verdict for seed in range(30)]
    assert said.count("fail") == 0
    held = said.count("inconclusive")
    assert held <= 2 if not found else held >= found


@pytest.mark.parametrize(
    ("new", "old", "verdict"), [(LEAST, LEAST, "pass"), (LEAST - 1, 500, "inconclusive"), (500, 0, "inconclusive")]
)
def test_too_few_labels_tell_nothing(new: int, old: int, verdict: Verdict) -> None:
    result = trusted(side(new, 0.2, 0.0, 1), side(old, 0.2, 0.0, 2))
    assert result.verdict == verdict
    if verdict == "inconclusive":
        assert f"{new} new and {old} old labels, {LEAST} of each are needed" in result.detail


def detector(sure: int, wrong: int, unsure: int = 40) -> Doubted:
    """Frames in which a detector is sure of something, in some of them against the label, and frames in which it is not."""
    doubts = (Doubt(0.9, "a nut"),) * wrong + (None,) * (sure - wrong + unsure)
    return Doubted((True,) * sure + (False,) * unsure, doubts)


@pytest.mark.parametrize(
    ("new", "old", "verdict"), [((100, 25), (90, 3), "inconclusive"), ((100, 9), (90, 3), "pass"), ((100, 25), (90, 18), "pass")]
)
def test_a_detectors_labels_are_doubted_where_more_are_contradicted_than_among_old_ones(
    new: tuple[int, int], old: tuple[int, int], verdict: Verdict
) -> None:
    result = trusted_boxes(detector(*new), detector(*old))
    assert (result.gate, result.verdict) == ("labels", verdict)
    assert (
        f"of the frames in which the detector is sure of something {new[1]} of {new[0]} contradict the new label" in result.detail
    )


def test_a_detector_that_is_sure_of_little_tells_nothing() -> None:
    result = trusted_boxes(detector(LEAST - 1, 30), detector(90, 0))
    assert (result.verdict, result.value) == ("inconclusive", 0.0)
    assert f"sure of something in {LEAST - 1} new and 90 old frames" in result.detail


def test_only_the_surest_third_is_looked_at() -> None:
    p = np.array([[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.95, 0.05], [0.6, 0.4], [0.2, 0.8]])
    assert contradicted(np.array([0, 1, 1, 0, 1, 0]), p) == (0, 2)
    assert contradicted(np.array([1, 0, 1, 0, 1, 1]), p) == (1, 2)


def test_a_person_is_told_what_to_do() -> None:
    result = trusted(side(250, 1.0, 0.2, 3), side(800, 1.0, 0.0, 4))
    assert "of the new labels may be wrong: look at the suspects again" in result.detail


MOVED = (Redefined("sneaker", "boot", 37, 46), Redefined("boot", "sneaker", 36, 39))


def test_classes_that_mean_something_else_wait_for_a_person() -> None:
    passed = GateResult("labels", "pass", 0.0, 0.08, "fine")
    asked = meant(passed, MOVED, "")
    assert (asked.verdict, asked.gate) == ("inconclusive", "labels")
    assert asked.value > asked.limit
    assert asked.detail.startswith("37 of 46 new frames that look like 'sneaker' are labelled 'boot'; 36 of 39")
    assert "keepsight jobs override" in asked.detail
    assert meant(passed, MOVED, "ada: the names were changed") == passed
    assert meant(passed, (), "") == passed


def test_that_classes_mean_something_else_is_said_where_no_old_label_is_left() -> None:
    few = trusted(side(250, 0.2, 0.0, 1), side(0, 0.2, 0.0, 2))
    assert meant(few, MOVED, "").detail.startswith("37 of 46 new frames that look like 'sneaker' are labelled 'boot'")
    doubted = trusted(side(250, 1.0, 0.2, 3), side(800, 1.0, 0.0, 4))
    assert meant(doubted, MOVED, "") == doubted
