"""The guards: false rollbacks stay under alpha however often one looks, real harm is found soon, and each guard compares like with like."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from contracts.events import FrameScored, Stream
from contracts.predictions import Box, Classification, Detections, Variant
from contracts.statistics import ImageStatistics
from retrain.rollout.guards import CameraShare, GuardLimits, Guards, Sequential, invalid, low_confidence

LABELS = ("fine", "defect")
LIMITS = GuardLimits(
    alpha=0.01,
    invalid_share=0.01,
    invalid_limit=0.1,
    disagreement_limit=0.95,
    limit_frames=50,
    low_confidence=0.2,
    low_confidence_tolerance=0.05,
)
STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)


def frame(confidence: float = 0.9, stream: Stream = "items", at: float = 0.0, variant: Variant = "candidate") -> FrameScored:
    prediction = Classification(LABELS, (confidence, 1 - confidence))
    return FrameScored(
        event_id="e",
        occurred_at=at,
        model="m",
        frame_id="f",
        camera="c",
        site="s",
        stream=stream,
        version="2",
        variant=variant,
        captured_at=at,
        received_at=at,
        width=1,
        height=1,
        bytes=1,
        codec="jpg",
        statistics=STATISTICS,
        prediction=prediction,
        confidence=confidence,
        entropy=0.0,
    )


def fires(rng: np.random.Generator, p: float, p0: float, length: int, alpha: float) -> int | None:
    """After how many observations a test fires, looking after each; None when it does not."""
    test = Sequential()
    for n, x in enumerate(rng.random(length) < p, 1):
        test.update(float(x), p0)
        if test.ratio(alpha) >= 1:
            return n
    return None


@pytest.mark.parametrize("p0", [0.05, 0.3, 0.5])
def test_peeking_after_every_frame_costs_at_most_alpha(p0: float) -> None:
    rng = np.random.default_rng(7)
    alarms = sum(fires(rng, p0, p0, 600, alpha=0.05) is not None for _ in range(300))
    assert alarms <= 300 * 0.05  # Ville's bound; a fixed seed, and well under it in expectation


def test_peeking_with_a_plain_test_would_roll_back_good_versions() -> None:
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(60):
        hits = np.cumsum(rng.random(600) < 0.3)
        alarms += any(binomtest(int(hits[n - 1]), n, 0.3, "greater").pvalue < 0.05 for n in range(20, 601, 10))
    assert alarms > 60 * 0.1


def test_harm_is_found_within_few_frames() -> None:
    rng = np.random.default_rng(3)
    delays = [fires(rng, 0.3, 0.1, 400, alpha=0.01) for _ in range(100)]
    assert all(delay is not None for delay in delays)
    assert np.median([delay for delay in delays if delay]) < 80


def test_evidence_is_kept_once_reached() -> None:
    test = Sequential()
    for _ in range(10):
        test.update(1.0, 0.1)
    high = test.ratio(0.01)
    for _ in range(100):
        test.update(0.0, 0.1)
    assert high > 1
    assert test.ratio(0.01) == high


def test_unsure_answers_are_compared_with_what_the_shadow_showed_on_that_camera() -> None:
    guards, unsure, sure = Guards(), CameraShare(), CameraShare()
    for _ in range(100):
        guards.frame(frame(0.55), "shadow", unsure, LABELS, LIMITS)
        guards.frame(frame(0.95), "shadow", sure, LABELS, LIMITS)
    for _ in range(200):
        guards.frame(frame(0.55), "candidate", unsure, LABELS, LIMITS)  # as it was in the shadow: no harm
    assert guards.alarm(LIMITS) is None
    for _ in range(30):
        guards.frame(frame(0.55), "candidate", sure, LABELS, LIMITS)
    alarm = guards.alarm(LIMITS)
    assert alarm is not None
    assert "low_confidence" in alarm


def test_without_a_shadow_nothing_is_said_of_confidence() -> None:
    guards = Guards()
    for _ in range(500):
        guards.frame(frame(0.51), "candidate", CameraShare(), LABELS, LIMITS)
    assert guards.alarm(LIMITS) is None
    assert guards.tests["low_confidence"].n == 0


def test_frames_of_video_count_once_a_minute() -> None:
    guards, camera = Guards(), CameraShare()
    for _ in range(100):
        guards.frame(frame(0.95, "video"), "shadow", camera, LABELS, LIMITS)
    for i in range(600):
        guards.frame(frame(0.55, "video", at=i * 1.0), "candidate", camera, LABELS, LIMITS)
    assert guards.tests["low_confidence"].n == 9  # ten minutes, the last one open
    assert guards.tests["low_confidence"].total == 9


def test_hard_limit_of_invalid_answers_acts_with_the_fiftieth_frame() -> None:
    patient = replace(LIMITS, alpha=1e-12)  # so that the hard limit speaks, not the sequential test
    guards, camera = Guards(), CameraShare()
    for i in range(50):
        assert guards.alarm(patient) is None
        guards.frame(frame(2.0 if i < 6 else 0.9), "shadow", camera, LABELS, patient)
    assert "hard limit: 6 of 50 answers were invalid" in str(guards.alarm(patient))


def test_disagreement_is_tolerated_up_to_its_limit() -> None:
    guards = Guards()
    for i in range(60):
        guards.pair(same=i % 10 == 0)
    assert guards.alarm(LIMITS) is None
    for _ in range(100):
        guards.pair(same=False)
    assert "contradicted its parent on 154 of 160" in str(guards.alarm(LIMITS))


def test_labels_judge_only_where_one_of_the_two_was_wrong() -> None:
    guards = Guards()
    for _ in range(500):
        guards.label(candidate_right=True, parent_right=True)
        guards.label(candidate_right=False, parent_right=False)
        guards.label(candidate_right=True, parent_right=False)
    assert guards.alarm(LIMITS) is None
    both_right = Guards()
    for _ in range(500):
        both_right.label(candidate_right=True, parent_right=True)
    assert both_right.tests["labelled_error"].n == 0
    worse = Guards()
    for _ in range(30):
        worse.label(candidate_right=False, parent_right=True)
    assert "wrong on 30 of 30" in str(worse.alarm(LIMITS))


@pytest.mark.parametrize(
    ("prediction", "bad"),
    [
        (Classification(LABELS, (0.7, 0.3)), False),
        (Classification(("fine",), (0.7,), 0.3), False),
        (Classification(LABELS, (0.7, 0.7)), True),
        (Classification(LABELS, (float("nan"), 0.3)), True),
        (Classification(("other", "fine"), (0.7, 0.3)), True),
        (Classification((), ()), True),
        (Detections(()), False),
        (Detections((Box("fine", 0, 0, 5, 5, 0.9),)), False),
        (Detections((Box("fine", 9, 0, 5, 5, 0.9),)), True),
        (Detections((Box("fine", 0, 0, 5, 5, 1.9),)), True),
    ],
)
def test_what_counts_as_invalid(prediction: Classification | Detections, bad: bool) -> None:
    assert invalid(prediction, LABELS) is bad


def test_low_confidence_starts_from_a_guess() -> None:
    assert low_confidence(2, 0.2) == pytest.approx(0.6)
    assert low_confidence(10, 0.2) == pytest.approx(0.28)
