"""The gate "slices": what loses behind a good mean is found by name, and luck is not taken for it."""

from dataclasses import replace

import numpy as np
import pytest

from retrain.gates.evidence import Judged
from retrain.gates.policy import POLICIES, SMALL_SETS, STRICT, Policy
from retrain.gates.slices import slices
from tests.judged import LABELS, judged

NEW = judged(70, 0.35, 0.8, 1)


def with_broken(old: Judged, broken: np.ndarray) -> Judged:
    candidate = old.candidate.copy()
    candidate[broken] = 1.0 - old.champion[broken]
    return replace(old, candidate=candidate)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_class_that_loses_is_named(policy: Policy) -> None:
    assert slices(NEW, judged(160, 0.84, 0.84, 2), LABELS, policy).verdict == "pass"
    lost = slices(NEW, judged(160, 0.84, 0.5, 3), LABELS, policy)
    assert lost.verdict == "fail"
    assert "lost: old functional" in lost.detail


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_one_camera_that_loses_everything_is_found(policy: Policy) -> None:
    old = judged(300, 0.9, 0.9, 7)
    result = slices(NEW, with_broken(old, np.array([camera == "cam-1" for camera in old.camera])), LABELS, policy)
    assert result.verdict == "fail"
    assert "old cam-1" in result.detail


def test_light_viewpoint_and_occlusion_are_slices_too() -> None:
    old = judged(600, 0.9, 0.9, 7)
    for kind in ("light", "viewpoint", "occlusion"):
        cut = replace(old, **{kind: tuple(f"{kind} {i // 200}" for i in range(600))})
        broken = with_broken(cut, np.arange(600) // 100 == 5)
        assert f"old {kind} 2" in slices(NEW, broken, LABELS, STRICT).detail


def test_frames_of_which_there_is_nothing_to_say_are_no_slice() -> None:
    old = replace(judged(300, 0.9, 0.9, 7), camera=("",) * 300)
    clear = slices(NEW, replace(old, occlusion=("",) * 300), LABELS, STRICT).detail
    assert clear == slices(NEW, replace(old, camera=()), LABELS, STRICT).detail
    leaf = replace(old, occlusion=tuple("partly covered" if i < 100 else "" for i in range(300)))
    assert "old partly covered" in slices(NEW, with_broken(leaf, np.arange(300) < 100), LABELS, STRICT).detail


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_unchanged_models_lose_no_slice(policy: Policy) -> None:
    spared = [
        slices(judged(150, 0.8, 0.8, s, together=0.8), judged(160, 0.84, 0.84, s + 500), LABELS, policy).verdict for s in range(200)
    ]
    assert spared.count("fail") < 8


def test_a_drop_that_may_be_chance_is_inconclusive_with_what_would_tell() -> None:
    """Of 60 frames of one camera 12 became right and 20 wrong: 13 points less, p about .1."""
    truth = np.zeros(60, dtype=np.int64)
    champion, candidate = (
        np.where(np.isin(np.arange(60), wrong)[:, None], [0.2, 0.8], [0.8, 0.2]) for wrong in (range(12), range(12, 32))
    )
    old = Judged(truth, champion, candidate, ("gate 7",) * 60, tuple(f"r{i}" for i in range(60)))
    result = slices(NEW, old, LABELS, STRICT)
    assert result.verdict == "inconclusive"
    assert "perhaps lost: old functional (60 frames of 60 recordings, about " in result.detail
    assert slices(NEW, old, LABELS, SMALL_SETS).verdict == "pass"
    assert slices(NEW, old, LABELS, replace(SMALL_SETS, slice_drop=0.1)).verdict == "fail"


def test_too_few_frames_to_cut() -> None:
    few = judged(20, 0.5, 0.5, 5)
    assert slices(few, few, LABELS, SMALL_SETS).verdict == "pass"
    assert slices(few, few, LABELS, STRICT).verdict == "inconclusive"
