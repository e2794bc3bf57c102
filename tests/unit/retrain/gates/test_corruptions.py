"""Corruptions on a real photograph."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.frames import measure
from retrain.gates.corruptions import CORRUPTIONS, SEVERITIES, corrupted


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return cv2.resize(load_sample_images().images[0], (160, 120), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_severity_moves_the_picture_further(photograph: np.ndarray, name: str) -> None:
    moved = []
    for severity in SEVERITIES:
        image = CORRUPTIONS[name](photograph, severity, np.random.default_rng(0))
        assert image.shape == photograph.shape
        assert image.dtype == np.uint8
        moved.append(float(np.abs(image.astype(float) - photograph).mean()))
    assert 0 < moved[0] < moved[1] < moved[2]


def test_statistics_move_as_the_names_say(photograph: np.ndarray) -> None:
    plain = measure(photograph)[0]
    seen = {name: measure(apply(photograph, 1, np.random.default_rng(0)))[0] for name, apply in CORRUPTIONS.items()}
    assert seen["dark"].luma_mean < plain.luma_mean < seen["bright"].luma_mean
    assert seen["blur"].sharpness < plain.sharpness
    assert seen["noise"].noise > plain.noise
    assert seen["fog"].contrast < plain.contrast
    assert seen["occlusion"].clipped_dark > plain.clipped_dark


def test_the_same_seed_gives_the_same_pixels_and_severities_go_round(photograph: np.ndarray) -> None:
    first, again = list(corrupted([photograph] * 3, 5)), list(corrupted([photograph] * 3, 5))
    assert all((x == y).all() for x, y in zip(first, again, strict=True))
    assert len(first) == 3 * len(CORRUPTIONS)
    dark = [image.mean() for image in first[list(CORRUPTIONS).index("dark") :: len(CORRUPTIONS)]]
    assert dark[0] > dark[1] > dark[2]


def test_no_image_is_asked_for_before_its_turn(photograph: np.ndarray) -> None:
    """A gate with hundreds of variants holds one chunk of them."""
    taken = []

    def images() -> Iterator[np.ndarray]:
        for number in range(3):
            taken.append(number)
            yield photograph

    variants = corrupted(images(), 5)
    for _ in range(len(CORRUPTIONS)):
        next(variants)
    assert taken == [0]
