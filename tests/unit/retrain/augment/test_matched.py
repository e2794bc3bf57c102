"""Drift of real photographs, made on purpose, and what is found to match it."""

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.frames import measure
from contracts.statistics import vector
from retrain.augment.matched import matched
from retrain.augment.operations import OPERATIONS, Frame
from retrain.augment.pixels import carried_out


@pytest.fixture(scope="module")
def cuts() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Parts of one photograph at 64 x 64: every other one is an old frame, the others are what becomes new ones."""
    photograph = load_sample_images().images[0]
    found = [
        cv2.resize(photograph[top : top + 128, left : left + 128], (64, 64), interpolation=cv2.INTER_AREA)
        for top in range(100, 300, 30)
        for left in range(0, 500, 50)
    ]
    return found[::2], found[1::2]


def statistics(frames: list[np.ndarray]) -> np.ndarray:
    return np.array([vector(measure(image)[0]) for image in frames], dtype=np.float32)


def drifted(frames: list[np.ndarray], *moves: tuple[str, float]) -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [carried_out([OPERATIONS[name].draw(m, Frame(64, 64), random) for name, m in moves], image) for image in frames]


@pytest.mark.parametrize(
    ("name", "magnitude"),
    [
        ("gamma", 0.8),
        ("gamma", -0.5),
        ("brightness", -1.0),
        ("contrast", -1.0),
        ("fog", 0.4),
        ("blur", 2.0),
        ("motion_blur", 8.0),
        ("sharpen", 2.0),
        ("noise", 15.0),
        ("saturation", -0.7),
        ("warmth", 0.3),
        ("tint", 0.3),
        ("jpeg", 80.0),
    ],
)
def test_what_was_done_is_found(cuts: tuple[list[np.ndarray], list[np.ndarray]], name: str, magnitude: float) -> None:
    old, later = cuts
    found = matched(old, statistics(old), statistics(drifted(later, (name, magnitude))))
    (only,) = found
    assert only.name == name
    assert only.magnitude is not None
    assert sorted(only.magnitude, key=abs) == [0, pytest.approx(magnitude, rel=0.2)]


@pytest.mark.parametrize("causes", [{"gamma": 0.8, "noise": 15.0}, {"gamma": 0.5, "warmth": 0.2}, {"fog": 0.3, "blur": 1.0}])
def test_two_causes_are_found_both(cuts: tuple[list[np.ndarray], list[np.ndarray]], causes: dict[str, float]) -> None:
    old, later = cuts
    found = matched(old, statistics(old), statistics(drifted(later, *causes.items())))
    assert {one.name: one.magnitude and one.magnitude.high for one in found} == pytest.approx(causes, rel=0.2)


def test_a_camera_that_shows_the_same_is_matched_by_nothing(cuts: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
    old, later = cuts
    assert matched(old, statistics(old), statistics(later)) == ()


def test_the_same_frames_give_the_same_answer(cuts: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
    old, later = cuts
    new = statistics(drifted(later, ("motion_blur", 8.0)))
    assert matched(old, statistics(old), new) == matched(old, statistics(old), new)


def test_grey_frames_without_spread_are_borne() -> None:
    grey = [np.full((32, 32, 3), 100, dtype=np.uint8)] * 3
    dark = [np.full((32, 32, 3), 50, dtype=np.uint8)] * 3
    found = matched(grey, statistics(grey), statistics(dark))
    assert found[0].name in ("gamma", "brightness")
