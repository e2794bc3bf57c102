"""Each operation on a real photograph: what a magnitude of nothing, of little and of much does to it."""

import cv2
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.frames import measure
from retrain.augment.changes import Cover, Table, Warp, fused
from retrain.augment.operations import OPERATIONS, Frame
from retrain.augment.pipeline import Sample, pipeline
from retrain.augment.pixels import carried_out, four_bytes
from retrain.augment.spec import OperationSpec, PipelineSpec, Range

FLIPS = ("flip", "flip_vertical")
STRONG = [name for name in OPERATIONS if name not in FLIPS]
NONE = np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return cv2.resize(load_sample_images().images[0], (160, 120), interpolation=cv2.INTER_AREA)


def changed(image: np.ndarray, name: str, magnitude: float, seed: int = 0) -> np.ndarray:
    spec = PipelineSpec((OperationSpec(name, magnitude=Range(magnitude, magnitude)),), seed=seed)
    return pipeline(spec)(Sample(image, *NONE), 0).image


@pytest.mark.parametrize("name", STRONG)
def test_a_magnitude_of_nothing_changes_nothing(photograph: np.ndarray, name: str) -> None:
    assert OPERATIONS[name].widest.low <= 0
    assert (changed(photograph, name, 0) == photograph).all()


@pytest.mark.parametrize("name", STRONG)
def test_hardly_any_magnitude_hardly_changes_anything(photograph: np.ndarray, name: str) -> None:
    difference = np.abs(changed(photograph, name, 1e-4).astype(float) - photograph)
    assert difference.mean() < (3.0 if name == "jpeg" else 0.5)  # quality 100 halves chroma still


@pytest.mark.parametrize("name", STRONG)
def test_more_changes_more(photograph: np.ndarray, name: str) -> None:
    usual = OPERATIONS[name].usual
    for end in {usual.low, usual.high} - {0}:
        weak, strong = (
            np.mean([np.abs(changed(photograph, name, m, s).astype(float) - photograph).mean() for s in range(8)])
            for m in (end / 3, end)
        )
        assert 0 < weak < strong


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_widest_magnitudes_are_borne(photograph: np.ndarray, name: str) -> None:
    before = photograph.copy()
    for image in (photograph, photograph[:16, :16].copy(), photograph[:17, :90].copy()):
        for end in OPERATIONS[name].widest:
            found = changed(image, name, end)
            assert found.shape == image.shape
            assert found.dtype == np.uint8
    assert (photograph == before).all()


@pytest.mark.parametrize(("name", "mirrored"), [("flip", np.s_[:, ::-1]), ("flip_vertical", np.s_[::-1])])
def test_flips_are_exact(photograph: np.ndarray, name: str, mirrored: tuple[slice, ...]) -> None:
    assert (changed(photograph, name, 1) == photograph[mirrored]).all()


@pytest.mark.parametrize(
    ("name", "magnitude", "statistic", "sign"),
    [
        ("gamma", 0.7, "luma_mean", -1),
        ("gamma", -0.7, "luma_mean", 1),
        ("brightness", -1, "luma_mean", -1),
        ("contrast", 0.5, "contrast", 1),
        ("contrast", -1, "contrast", -1),
        ("saturation", -1, "saturation", -1),
        ("warmth", 0.3, "red_ratio", 1),
        ("warmth", 0.3, "blue_ratio", -1),
        ("tint", 0.3, "red_ratio", 1),
        ("tint", 0.3, "blue_ratio", 1),
        ("fog", 0.5, "contrast", -1),
        ("blur", 1, "sharpness", -1),
        ("motion_blur", 5, "sharpness", -1),
        ("sharpen", 1, "sharpness", 1),
        ("noise", 20, "noise", 1),
    ],
)
def test_what_the_monitor_measures_moves_as_the_name_says(
    photograph: np.ndarray, name: str, magnitude: float, statistic: str, sign: int
) -> None:
    before, after = measure(photograph)[0], measure(changed(photograph, name, magnitude))[0]
    assert sign * (getattr(after, statistic) - getattr(before, statistic)) > 0


def test_noise_has_the_deviation_that_it_says(photograph: np.ndarray) -> None:
    grey = np.full_like(photograph, 128)
    noise = changed(grey, "noise", 10).astype(float) - 128
    assert noise.std() == pytest.approx(10, abs=0.3)
    assert noise.mean() == pytest.approx(0, abs=0.3)
    assert (np.ptp(noise, axis=2) == 0).all()
    values = four_bytes(200_000, 7).astype(float)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.01
    assert abs(np.corrcoef(values, four_bytes(200_000, 8))[0, 1]) < 0.01


def test_pixels_go_where_points_go() -> None:
    """A white square of 6 x 6: its centre of mass after each warp is where the matrix puts its centre."""
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    image[27:33, 37:43] = 255
    for name in ("flip", "rotate", "shear", "zoom", "perspective", "crop"):
        warp = OPERATIONS[name].draw(OPERATIONS[name].usual.high / 2, Frame(80, 60), np.random.default_rng(2))
        assert isinstance(warp, Warp)
        found = carried_out([warp], image)[..., 0].astype(float)
        found[found < 120] = 0  # what comes from outside is grey
        y, x = np.indices(found.shape) + 0.5
        w = warp.matrix @ (40, 30, 1)
        assert (found * x).sum() / found.sum() == pytest.approx(w[0] / w[2], abs=0.3), name
        assert (found * y).sum() / found.sum() == pytest.approx(w[1] / w[2], abs=0.3), name


def test_covers_lie_within_the_frame_and_have_their_size() -> None:
    for seed in range(50):
        cover = OPERATIONS["erase"].draw(0.3, Frame(80, 60), np.random.default_rng(seed))
        assert isinstance(cover, Cover)
        assert 0 <= cover.left < cover.right <= 80
        assert 0 <= cover.top < cover.bottom <= 60
        share = (cover.right - cover.left) * (cover.bottom - cover.top) / (80 * 60)
        assert share == pytest.approx(0.09, abs=0.02)


def test_neighbours_become_one_and_mean_the_same(photograph: np.ndarray) -> None:
    random, frame = np.random.default_rng(0), Frame(160, 120)
    turn, mirror, dark, warm = (
        OPERATIONS[n].draw(m, frame, random) for n, m in (("rotate", 10), ("flip", 1), ("gamma", 0.5), ("warmth", 0.2))
    )
    one = fused([turn, mirror, dark, warm])
    assert [type(change) for change in one] == [Warp, Table]
    separate = carried_out([turn, mirror, dark, warm], photograph)
    assert np.abs(carried_out(one, photograph).astype(int) - separate).max() <= 1
    assert len(fused([dark, turn, warm])) == 3
