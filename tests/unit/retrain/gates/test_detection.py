"""The gates of a detector: a good one passes, one that forgot a class or finds less is refused, and what a set cannot tell is inconclusive."""

from dataclasses import replace

import numpy as np
import pytest

from contracts.predictions import Box
from contracts.quality import Metric
from contracts.quality_detection import DetectionQuality, overlap
from retrain.gates.box_evidence import JudgedBoxes, loss_moved, precision_moved, together
from retrain.gates.detection import flips, forgetting, gain, overall, recall, slices
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from tests.judged_boxes import LABELS, judged

SEED = 1


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_gain_is_found_and_a_detector_that_finds_less_is_refused(policy: Policy) -> None:
    assert all(gain(judged(80, 0.4, 0.8, seed), policy, 0, SEED).verdict == "pass" for seed in range(5))
    assert gain(judged(80, 0.8, 0.5, 1), policy, 0, SEED).verdict == "fail"


def test_a_gain_worth_having_that_may_be_chance_waits_for_more_labels() -> None:
    new = judged(40, 0.7, 0.7, 1, together=0.6, block=4)
    found = gain(new, SMALL_SETS, 0, SEED)
    assert found.verdict == "inconclusive"
    assert "cannot tell a gain of 5 points; about" in found.detail
    assert gain(judged(40, 0.7, 0.7, 2), SMALL_SETS, 0, SEED).verdict == "fail"


def benchmark(value: float) -> DetectionQuality:
    metric = Metric(value, value - 0.05, value + 0.05, 200)
    return DetectionQuality(map50=metric, map=metric, frame_loss=metric, per_class=dict.fromkeys(LABELS, metric))


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_gain_on_a_lost_champion_is_not_enough(policy: Policy) -> None:
    """The champion finds nothing in the dark; one that finds one object in ten gained, and is of no use."""
    poor = judged(150, 0.0, 0.1, 1)
    assert gain(poor, policy, 0, SEED).verdict == "pass"
    found = recall(poor, LABELS, benchmark(0.8), policy, SEED)
    assert found.verdict == "fail"
    assert "not reached: all classes" in found.detail
    assert recall(judged(150, 0.0, 0.7, 1), LABELS, benchmark(0.8), policy, SEED).verdict == "pass"
    one = recall(judged(150, 0.0, 0.8, 1, forgot={"nut": 0.05}), LABELS, benchmark(0.8), policy, SEED)
    assert (one.verdict, one.detail.partition("not reached: ")[2]) == ("fail", "nut")


def test_without_a_benchmark_nothing_is_asked_for() -> None:
    assert recall(judged(80, 0.0, 0.7, 1), LABELS, None, STRICT, SEED).verdict == "inconclusive"
    assert recall(judged(80, 0.0, 0.7, 1), LABELS, None, SMALL_SETS, SEED).verdict == "pass"


def test_unchanged_detectors_gain_no_more_often_than_they_may() -> None:
    passed = [gain(judged(60, 0.7, 0.7, seed, together=0.6), STRICT, 0, SEED).verdict == "pass" for seed in range(60)]
    assert np.mean(passed) <= 0.1


def test_the_bootstrap_knows_what_repeated_experiments_say() -> None:
    """Its standard error of a difference against the spread of that difference over new sets of recordings."""
    moved = [precision_moved(judged(90, 0.7, 0.75, seed, together=0.6, block=3), SEED) for seed in range(30)]
    spread, believed = np.std([one.difference for one in moved], ddof=1), np.mean([one.error for one in moved])
    assert 0.6 < believed / spread < 1.6


def test_neighbours_that_resemble_each_other_count_for_what_they_tell() -> None:
    """Thirty frames of one scene, thrice over: no more is known than of the thirty."""
    once = judged(30, 0.6, 0.75, 3)
    thrice = together(once, together(once, once))
    alone, repeated = loss_moved(once, SEED), loss_moved(thrice, SEED)
    assert repeated.error == pytest.approx(alone.error, rel=0.15)


def test_what_a_small_set_cannot_see_is_inconclusive_and_says_what_it_takes() -> None:
    new = judged(40, 0.7, 0.7, 1, together=0.6, block=4)
    found = gain(new, STRICT, 0, SEED)
    assert found.verdict == "inconclusive"
    assert "cannot tell a gain of 5 points; about" in found.detail
    one = gain(judged(40, 0.4, 0.8, 1, block=40), STRICT, 0, SEED)
    assert one.verdict == "inconclusive"
    assert "frames of more recordings are needed" in one.detail
    worn = gain(judged(80, 0.4, 0.8, 1), STRICT, 5, SEED)
    assert (worn.verdict, "has judged 5 candidates before" in worn.detail) == ("inconclusive", True)


def test_sets_without_an_object_judge_nothing() -> None:
    empty = JudgedBoxes(((),) * 60, ((),) * 60, ((),) * 60, ("cam",) * 60, tuple(map(str, range(60))), 0.5)
    assert gain(empty, STRICT, 0, SEED).verdict == "inconclusive"
    assert forgetting(empty, LABELS, STRICT, SEED).verdict == "inconclusive"
    nobody = JudgedBoxes((), (), (), (), (), 0.5)
    assert overall(nobody, nobody, STRICT, SEED).verdict == "inconclusive"
    assert flips(nobody, STRICT).verdict == "inconclusive"
    assert slices(nobody, nobody, LABELS, STRICT, SEED).verdict == "inconclusive"


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_detector_that_forgot_one_class_is_refused_by_name(policy: Policy) -> None:
    old = judged(200, 0.85, 0.9, 2, forgot={"nut": 0.3})
    found = forgetting(old, LABELS, policy, SEED)
    assert found.verdict == "fail"
    assert "nut" in found.detail
    assert "bolt" not in found.detail.partition("fell")[2]
    lost = slices(judged(20, 0.8, 0.8, 1), old, LABELS, policy, SEED)
    assert lost.verdict == "fail"
    assert "old nut" in lost.detail.partition("lost")[2]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_an_unchanged_detector_is_not_refused(policy: Policy) -> None:
    old, new = judged(200, 0.8, 0.8, 4, together=1.0), judged(100, 0.8, 0.8, 5, together=1.0)
    for found in (overall(new, old, policy, SEED), forgetting(old, LABELS, policy, SEED), slices(new, old, LABELS, policy, SEED)):
        assert found.verdict != "fail", found.detail
    assert flips(old, policy).verdict == "pass"


def test_a_better_detector_passes_where_there_is_enough() -> None:
    old, new = judged(600, 0.8, 0.9, 4), judged(300, 0.4, 0.9, 5)
    assert {one.gate: one.verdict for one in (gain(new, STRICT, 0, SEED), overall(new, old, STRICT, SEED))} == {
        "gain": "pass",
        "overall": "pass",
    }
    assert forgetting(old, LABELS, STRICT, SEED).verdict == "pass"


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_frames_that_flip_are_counted(policy: Policy) -> None:
    found = flips(judged(200, 0.9, 0.5, 3, together=0.3), policy)
    assert found.verdict == "fail"
    assert "lost more than 0.5 of their F1" in found.detail


def test_one_size_that_is_lost_is_named() -> None:
    old = judged(240, 1.0, 1.0, 6, invents=0.0)
    small = tuple(tuple(box for box in boxes if box.x2 - box.x1 > 30) for boxes in old.candidate)
    lost = slices(old, JudgedBoxes(old.truth, old.champion, small, old.camera, old.group, 0.5), LABELS, STRICT, SEED)
    assert lost.verdict == "fail"
    assert "the worst is old small objects" in lost.detail


def test_objects_that_others_hide_are_a_slice_of_their_own() -> None:
    """Of each frame the first object is hidden; the candidate finds all the others, and sees something where nothing is as the champion does."""
    old = judged(240, 1.0, 1.0, 6)
    hidden = tuple(tuple(k == 0 for k in range(len(boxes))) for boxes in old.truth)
    lost = tuple(
        tuple(box for box in said if not true or overlap(box, true[0]) == 0)
        for said, true in zip(old.candidate, old.truth, strict=True)
    )
    part = replace(old, hidden=hidden).partly_hidden()
    assert all(len(boxes) == len(said) == 1 for boxes, said in zip(part.truth, part.champion, strict=True))
    found = slices(old, replace(old, candidate=lost, hidden=hidden), LABELS, STRICT, SEED)
    assert found.verdict == "fail"
    assert "the worst is old objects cut off or overlapped" in found.detail
    assert "hidden" not in slices(old, replace(old, candidate=lost), LABELS, STRICT, SEED).detail


def test_a_classs_false_boxes_count_wherever_they_are() -> None:
    """A nut that is seen on frames without one lowers the average precision of nuts."""
    old = judged(100, 0.9, 0.9, 7, together=1.0, invents=0.0)
    seen = tuple((*boxes, Box("nut", 600, 600, 640, 640, 1.0)) for boxes in old.candidate)
    false = JudgedBoxes(old.truth, old.champion, seen, old.camera, old.group, 0.5)
    assert "nut" in forgetting(false, LABELS, STRICT, SEED).detail.partition("fell")[2]
