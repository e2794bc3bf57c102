"""The guards: false rollbacks stay under alpha however often one looks, real harm is found soon, and each guard compares like with like."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from contracts.events import FrameScored, Stream
from contracts.predictions import Box, Classification, Detections, Variant
from retrain.rollout.guards import CameraShare, GuardLimits, Guards, Sequential, invalid, unsure_below
from retrain.rollout.replicas import Fared
from tests.scored_frames import frame_scored

LABELS = ("fine", "defect")
LIMITS = GuardLimits(
    alpha=0.01,
    error_share=0.01,
    error_limit=0.05,
    error_frames=20,
    invalid_share=0.01,
    invalid_limit=0.1,
    disagreement_limit=0.95,
    limit_frames=50,
    low_confidence=0.2,
    low_confidence_tolerance=0.05,
)
PATIENT = replace(LIMITS, alpha=1e-12)
"""So that a hard limit speaks, not a sequential test."""


def frame(confidence: float = 0.9, stream: Stream = "items", at: float = 0.0, variant: Variant = "candidate") -> FrameScored:
    return frame_scored("f", "c", "2", variant, Classification(LABELS, (confidence, 1 - confidence)), at, stream=stream)


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


def test_a_frame_that_comes_late_over_the_minutes_end_makes_no_minute_of_its_own() -> None:
    """Two versions' or workers' events of a camera interleave by some seconds: each way over the border would be an observation."""
    guards, camera = Guards(), CameraShare()
    for i in range(600):
        guards.frame(frame(0.9, "video", at=60.0 + i + (3 if i % 2 else 0)), "candidate", camera, LABELS, LIMITS)
    assert guards.tests["invalid"].n == 10
    guards.frame(frame(0.9, "video", at=60.0), "candidate", camera, LABELS, LIMITS)  # a clock that was set back goes on from there
    assert guards.tests["invalid"].n == 11


def test_a_detector_that_becomes_unsure_on_a_camera_is_found() -> None:
    def scored(said: Detections) -> FrameScored:
        return frame_scored("f", "c", "2", "candidate", said, 0.0)

    unsure = Detections((Box("fine", 0, 0, 9, 9, 0.9), Box("fine", 9, 9, 19, 19, 0.55)))
    for said, alarm in ((Detections(()), False), (Detections((Box("fine", 0, 0, 9, 9, 0.9),)), False), (unsure, True)):
        guards, camera = Guards(), CameraShare()
        for i in range(100):
            guards.frame(scored(unsure if i % 10 == 0 else Detections(())), "shadow", camera, LABELS, LIMITS)
        for _ in range(60):
            guards.frame(scored(said), "candidate", camera, LABELS, LIMITS)
        assert ("low_confidence" in str(guards.alarm(LIMITS))) is alarm


def test_invalid_answers_of_video_count_once_a_minute_too() -> None:
    """A second of repeats is no sixty pieces of evidence: a minute with one bad frame is one observation of a sixtieth."""
    guards, camera = Guards(), CameraShare()
    for i in range(600):
        guards.frame(frame(2.0 if i % 60 == 0 else 0.9, "video", at=i * 1.0), "candidate", camera, LABELS, LIMITS)
    assert (guards.frames, guards.invalid) == (600, 10)
    assert guards.tests["invalid"].n == 9  # ten minutes, the last one open
    assert guards.tests["invalid"].total == pytest.approx(9 / 60)
    items = Guards()
    for i in range(600):
        items.frame(frame(2.0 if i % 60 == 0 else 0.9, at=i * 1.0), "candidate", CameraShare(), LABELS, LIMITS)
    assert items.tests["invalid"].n == 600


def test_a_version_that_fails_on_every_frame_goes_back_with_the_report_of_its_twentieth() -> None:
    guards = Guards()
    guards.report(Fared(0, 19, 0), Fared(200, 0, 0), PATIENT)
    assert guards.alarm(PATIENT) is None
    guards.report(Fared(0, 1, 0), Fared(10, 0, 0), PATIENT)
    assert "hard limit: it failed on 20 of the newest 20 frames, surely above 5%" in str(guards.alarm(PATIENT))
    assert "failed on 20 of 20 frames" in guards.summary()


def test_a_good_day_does_not_hide_a_version_that_begins_to_fail() -> None:
    guards = Guards()
    for _ in range(5760):  # a day of reports
        guards.report(Fared(150), Fared(150), PATIENT)
    assert guards.alarm(PATIENT) is None
    guards.report(Fared(75, 0, 75), Fared(150), PATIENT)
    assert "it failed on 75 of the newest 150 frames" in str(guards.alarm(PATIENT))
    for _ in range(10):
        guards.report(Fared(150), Fared(150), PATIENT)
    assert guards.alarm(PATIENT) is not None  # what was seen is not forgotten before the next tick


@pytest.mark.parametrize("bad", ["failed", "invalid"])
def test_a_version_that_fails_on_a_third_of_its_frames_goes_back_within_eighty(bad: str) -> None:
    """Of 1,000 that fail on 30 %, told every 10 frames: half are back with the 20th frame, 99 of 100 with the 80th."""
    rng, frames_until_back = np.random.default_rng(11), []
    for _ in range(1000):
        guards, seen = Guards(), 0
        while guards.alarm(LIMITS) is None:
            errors, seen = int(rng.binomial(10, 0.3)), seen + 10
            guards.report(Fared(10 - errors, **{bad: errors}), Fared(10), LIMITS)
        frames_until_back.append(seen)
    assert np.quantile(frames_until_back, 0.5) <= 20
    assert np.quantile(frames_until_back, 0.99) <= 80


def test_a_few_errors_in_many_frames_are_found_by_the_sequential_test() -> None:
    """4 % is under the hard limit and four times what is tolerated."""
    rng, guards, reports = np.random.default_rng(5), Guards(), 0
    while guards.alarm(LIMITS) is None:
        errors, reports = int(rng.binomial(50, 0.04)), reports + 1
        guards.report(Fared(50 - errors, errors), Fared(50), LIMITS)
    assert "guard errors: a mean of 0.0" in str(guards.alarm(LIMITS))
    assert reports <= 30


def test_a_version_that_fails_on_one_frame_in_a_thousand_stays() -> None:
    rng, alarms = np.random.default_rng(19), 0
    for _ in range(500):
        guards = Guards()
        for _ in range(50):
            errors = int(rng.binomial(20, 0.001))
            guards.report(Fared(20 - errors, errors), Fared(20), LIMITS)
        alarms += guards.alarm(LIMITS) is not None
    assert alarms <= 5


def test_errors_as_rare_as_tolerated_take_one_version_in_a_hundred_back_at_most() -> None:
    rng, alarms = np.random.default_rng(13), 0
    for _ in range(200):
        guards = Guards()
        for _ in range(200):
            errors = int(rng.binomial(50, LIMITS.error_share))
            guards.report(Fared(50 - errors, errors), Fared(50), LIMITS)
            if guards.tests["errors"].ratio(LIMITS.alpha / 4) >= 1:
                alarms += 1
                break
    assert alarms <= 2


def test_a_machine_that_fails_version_and_parent_alike_is_not_the_versions_fault() -> None:
    rng, guards = np.random.default_rng(17), Guards()
    for _ in range(100):
        own, parent = (int(rng.binomial(50, 0.3)) for _ in range(2))
        guards.report(Fared(50 - own, own), Fared(50 - parent, parent), LIMITS)
    assert guards.alarm(LIMITS) is None
    for _ in range(10):
        guards.report(Fared(0, 50), Fared(35, 15), LIMITS)
    assert guards.alarm(LIMITS) is not None


def test_a_report_without_frames_of_the_version_says_nothing() -> None:
    guards = Guards()
    guards.report(Fared(), Fared(100, 5), LIMITS)
    assert (guards.tests["errors"].n, guards.given, guards.recent_parent.errors) == (0, 0, 5)


def test_hard_limit_of_invalid_answers_acts_with_the_fiftieth_frame() -> None:
    guards, camera = Guards(), CameraShare()
    for i in range(50):
        assert guards.alarm(PATIENT) is None
        guards.frame(frame(2.0 if i < 6 else 0.9), "shadow", camera, LABELS, PATIENT)
    assert "hard limit: 6 of 50 answers were invalid" in str(guards.alarm(PATIENT))


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
        guards.label(0.0, 0.0)
        guards.label(1.0, 1.0)
        guards.label(0.0, 1.0)
    assert guards.alarm(LIMITS) is None
    both_right = Guards()
    for _ in range(500):
        both_right.label(0.0, 0.0)
    assert both_right.tests["labelled_error"].n == 0
    worse = Guards()
    for _ in range(30):
        worse.label(0.4, 0.3)
    assert "on which one of the two was worse, it was on 30 of 30" in str(worse.alarm(LIMITS))


@pytest.mark.parametrize(("wrong", "median", "most"), [(0.25, 150, 300), (0.20, 260, 600)])
def test_a_version_that_is_wrong_more_often_is_back_within_the_labels_that_the_guide_states(
    wrong: float, median: int, most: int
) -> None:
    """Against a parent that is wrong on 10 %, half of that together: labelled frames until the alarm, of 200 versions the median and the 95 % quantile."""
    rng, labels = np.random.default_rng(23), []
    for _ in range(200):
        guards, seen = Guards(), 0
        while guards.alarm(LIMITS) is None:
            seen, dice = seen + 1, rng.random()
            guards.label(float(dice < wrong), float(dice < 0.05 or wrong <= dice < wrong + 0.05))
        labels.append(seen)
    assert np.median(labels) <= median
    assert np.quantile(labels, 0.95) <= most


def until_back(guards: Guards, next_frame: Callable[[int], FrameScored], role: Variant, cameras: Sequence[CameraShare]) -> int:
    """How many frames it takes until the alarm."""
    seen = 0
    while guards.alarm(LIMITS) is None:
        guards.frame(next_frame(seen), role, cameras[seen % len(cameras)], LABELS, LIMITS)
        seen += 1
        assert seen < 5000, "never found"
    return seen


@pytest.mark.parametrize(("unsure", "median", "most"), [(1.0, 10, 10), (0.6, 25, 60), (0.4, 120, 300)])
def test_a_version_that_becomes_unsure_is_back_within_the_frames_that_the_guide_states(
    unsure: float, median: int, most: int
) -> None:
    """Ten cameras, 500 frames in the shadow of which 5 % were unsure: frames in the canary until the alarm, of 100 versions the median and 95 % quantile."""
    rng, frames = np.random.default_rng(31), []
    for _ in range(100):
        guards, cameras = Guards(), [CameraShare() for _ in range(10)]
        for i in range(500):
            guards.frame(frame(0.55 if rng.random() < 0.05 else 0.9), "shadow", cameras[i % 10], LABELS, LIMITS)
        frames.append(until_back(guards, lambda _: frame(0.55 if rng.random() < unsure else 0.9), "candidate", cameras))
    assert np.median(frames) <= median
    assert np.quantile(frames, 0.95) <= most


@pytest.mark.parametrize(("bad", "median", "most"), [(1.0, 2, 2), (0.3, 10, 40), (0.1, 50, 200)])
def test_a_version_whose_answers_cannot_be_meant_is_back_within_the_frames_that_the_guide_states(
    bad: float, median: int, most: int
) -> None:
    rng, frames = np.random.default_rng(37), []
    for _ in range(200):
        camera = [CameraShare()]
        frames.append(until_back(Guards(), lambda _: frame(2.0 if rng.random() < bad else 0.9), "shadow", camera))
    assert np.median(frames) <= median
    assert np.quantile(frames, 0.99) <= most


def test_a_version_that_contradicts_its_parent_on_every_frame_is_back_with_the_fiftieth() -> None:
    guards = Guards()
    for _ in range(49):
        guards.pair(same=False)
    assert guards.alarm(LIMITS) is None
    guards.pair(same=False)
    assert "contradicted its parent on 50 of 50" in str(guards.alarm(LIMITS))


def test_a_version_that_is_wrong_as_often_as_its_parent_stays() -> None:
    rng, alarms = np.random.default_rng(29), 0
    for _ in range(100):
        guards = Guards()
        for dice in rng.random(1000):
            guards.label(float(dice < 0.10), float(dice < 0.05 or 0.10 <= dice < 0.15))
        alarms += guards.alarm(LIMITS) is not None
    assert alarms <= 1


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


def test_unsure_starts_from_a_guess_of_classes_and_from_a_toss_up_of_boxes() -> None:
    classes, boxes = Classification(LABELS, (0.7, 0.3)), Detections(())
    assert unsure_below(classes, 2, 0.2) == pytest.approx(0.6)
    assert unsure_below(boxes, 10, 0.2) == pytest.approx(0.2)
    assert unsure_below(classes, 10, 0.2) == pytest.approx(0.28)
