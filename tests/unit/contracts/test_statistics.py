"""The image statistics against their textbook definitions in plain numpy, on real photographs, noise and constants."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import entropy
from sklearn.datasets import load_sample_images

from contracts.frames import measure, thumbnail
from contracts.statistics import NUMERIC, ImageStatistics, vector

Image = NDArray[np.uint8]


def photograph(index: int, side: int = 224) -> Image:
    return np.ascontiguousarray(cv2.resize(load_sample_images().images[index], (side, side), interpolation=cv2.INTER_AREA))


CHINA, FLOWER = photograph(0), photograph(1)
RANDOM = np.random.default_rng(1).integers(0, 256, (40, 56, 3), np.uint8)
IMAGES = {"china": CHINA, "flower": FLOWER, "random": RANDOM, "small": photograph(0, 9)}
SMALL_IMAGES = arrays(np.uint8, st.tuples(st.integers(3, 24), st.integers(3, 24), st.just(3)))


def textbook(image: Image) -> dict[str, float]:
    """Every statistic from its definition, with nothing of OpenCV but the Rec. 601 luma."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64)
    laplacian = ndimage.convolve(luma, [[0, 1, 0], [1, -4, 1], [0, 1, 0]], mode="mirror")
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    response = ndimage.convolve(luma, mask, mode="mirror")[1:-1, 1:-1]
    rows = image[::4]  # the only statistic that is not of all pixels
    most, least = rows.max(axis=2).astype(np.float64), rows.min(axis=2).astype(np.float64)
    means = image.reshape(-1, 3).astype(np.float64).mean(axis=0)
    return {
        "luma_mean": luma.mean(),
        "contrast": luma.std(),
        "sharpness": laplacian.var(),
        "noise": np.sqrt(np.pi / 2) / (6 * response.size) * np.abs(response).sum(),
        "luma_entropy": float(entropy(np.bincount(luma.astype(int).ravel(), minlength=256), base=2)),
        "saturation": float(np.divide(most - least, most, out=np.zeros_like(most), where=most > 0).mean()),
        "red_ratio": means[0] / means.mean() if means.any() else 0.0,
        "blue_ratio": means[2] / means.mean() if means.any() else 0.0,
        "clipped_dark": (luma <= 2).mean(),
        "clipped_bright": (luma >= 253).mean(),
    }


def agrees(image: Image) -> None:
    statistics, wanted = measure(image)[0], textbook(image)
    for name in NUMERIC:
        tolerance = 1 / 255 if name == "saturation" else 1e-9  # OpenCV's saturation is 8 bits a pixel
        assert getattr(statistics, name) == pytest.approx(wanted[name], rel=1e-6, abs=tolerance), name


@pytest.mark.parametrize("name", IMAGES)
def test_textbook(name: str) -> None:
    agrees(IMAGES[name])


@given(SMALL_IMAGES)
def test_textbook_on_any_image(image: Image) -> None:
    agrees(image)


@given(SMALL_IMAGES)
def test_ranges(image: Image) -> None:
    got = measure(image)[0]
    assert 0 <= got.luma_mean <= 255
    assert 0 <= got.contrast <= 127.5
    assert got.sharpness >= 0
    assert got.noise >= 0
    assert 0 <= got.luma_entropy <= 8
    assert 0 <= got.saturation <= 1
    assert 0 <= got.red_ratio <= 3
    assert 0 <= got.blue_ratio <= 3
    assert 0 <= got.clipped_dark <= 1
    assert 0 <= got.clipped_bright <= 1
    assert len(got.phash) == 16
    assert int(got.phash, 16) >= 0


@pytest.mark.parametrize("value", [0, 1, 127, 254, 255])
def test_a_constant_frame(value: int) -> None:
    got = measure(np.full((64, 64, 3), value, np.uint8))[0]
    assert got.luma_mean == value
    assert (got.contrast, got.sharpness, got.noise, got.luma_entropy, got.saturation) == (0, 0, 0, 0, 0)
    assert (got.red_ratio, got.blue_ratio) == ((0, 0) if value == 0 else (1, 1))
    assert (got.clipped_dark, got.clipped_bright) == (float(value <= 2), float(value >= 253))
    assert "-" not in str(got.luma_entropy)


def test_a_red_frame() -> None:
    got = measure(np.full((16, 16, 3), (200, 0, 0), np.uint8))[0]
    assert (got.saturation, got.red_ratio, got.blue_ratio) == (1, 3, 0)


def test_colours_are_not_swapped() -> None:
    assert measure(np.full((16, 16, 3), (0, 0, 200), np.uint8))[0].blue_ratio == 3


def test_blur_lowers_sharpness_step_by_step() -> None:
    sharpness = [measure(cv2.GaussianBlur(CHINA, (0, 0), sigma))[0].sharpness for sigma in (0.5, 1, 2, 4, 8)]
    assert sharpness == sorted(sharpness, reverse=True)
    assert measure(CHINA)[0].sharpness > 3 * sharpness[2]


@pytest.mark.parametrize("sigma", [5.0, 10.0, 20.0])
def test_the_noise_estimate_is_about_the_noise(sigma: float) -> None:
    """Immerkaer's estimate of Gaussian noise on a flat grey frame, where nothing else disturbs it."""
    flat = np.full((224, 224), 128.0) + np.random.default_rng(3).normal(0, sigma, (224, 224))
    image = np.repeat(np.clip(np.rint(flat), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    assert measure(image)[0].noise == pytest.approx(sigma, rel=0.03)


def test_brighter_and_flatter_frames_say_so() -> None:
    brighter = measure(cv2.convertScaleAbs(CHINA, alpha=1, beta=60))[0]
    flatter = measure(cv2.convertScaleAbs(CHINA, alpha=0.4, beta=80))[0]
    now = measure(CHINA)[0]
    assert brighter.luma_mean > now.luma_mean + 30
    assert brighter.clipped_bright > now.clipped_bright
    assert flatter.contrast < 0.5 * now.contrast
    assert flatter.luma_entropy < now.luma_entropy


def bits_apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_the_hash_is_near_for_the_same_scene_and_far_for_another() -> None:
    now = measure(CHINA)[0].phash
    again = cv2.imdecode(cv2.imencode(".jpg", CHINA, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    assert bits_apart(now, measure(again)[0].phash) <= 6
    assert bits_apart(now, measure(cv2.convertScaleAbs(CHINA, alpha=0.9, beta=10))[0].phash) <= 6
    assert bits_apart(now, measure(FLOWER)[0].phash) >= 16


def test_the_first_frame_has_no_difference_and_the_same_frame_again_none_in_number() -> None:
    first, small = measure(CHINA)
    assert first.frame_difference is None
    assert measure(CHINA, small)[0].frame_difference == 0
    moved, _ = measure(FLOWER, small)
    assert moved.frame_difference == pytest.approx(float(np.abs(thumbnail(FLOWER) - thumbnail(CHINA)).mean()))


def test_the_thumbnail_is_what_measure_hands_on() -> None:
    assert np.array_equal(thumbnail(CHINA), measure(CHINA)[1])
    assert thumbnail(CHINA).shape == (32, 32)
    assert thumbnail(CHINA).dtype == np.float32


def test_measuring_changes_nothing_and_repeats_exactly() -> None:
    before = CHINA.copy()
    assert measure(CHINA)[0] == measure(CHINA)[0]
    assert np.array_equal(before, CHINA)


def test_the_vector_is_in_the_baselines_order() -> None:
    got = measure(CHINA)[0]
    assert vector(got) == [getattr(got, name) for name in NUMERIC]
    assert set(NUMERIC) == set(ImageStatistics.__struct_fields__) - {"frame_difference", "phash"}
