"""The batch pipeline in torch against the one of single frames: the same spec and indices, the same boxes, pixels within stated tolerances."""

import cv2
import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from contracts.errors import SettingsError
from retrain.augment import pixels, twin_jpeg
from retrain.augment.operations import OPERATIONS, Frame
from retrain.augment.pipeline import Sample, index, pipeline
from retrain.augment.spec import OperationSpec, PipelineSpec, filled, standard
from retrain.augment.twin import carried_out, twin

EXACT = ("gamma", "brightness", "warmth", "tint", "fog", "noise", "erase", "cutout", "flip", "flip_vertical")


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    return [cv2.resize(image, (112, 80), interpolation=cv2.INTER_AREA) for image in load_sample_images().images]


GPU = pytest.param("cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")])


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_does_the_same_on_both(photographs: list[np.ndarray], name: str, device: str) -> None:
    operation, random = OPERATIONS[name], np.random.default_rng(3)
    low, high = operation.usual
    magnitudes = (low or high / 4, high, (low + 3 * high) / 4, high / 2)
    changes = [operation.draw(magnitude, Frame(112, 80), random) for magnitude in magnitudes]
    frames = [photographs[i % 2] for i in range(4)]
    one = np.stack([pixels.carried_out([change], image) for change, image in zip(changes, frames, strict=True)])
    many = carried_out([[change] for change in changes], torch.from_numpy(np.stack(frames)).to(device))
    difference = np.abs(one.astype(int) - many.cpu().numpy())
    if name == "jpeg":  # a coefficient beside the middle of two steps may be rounded either way
        assert difference.mean() < 1.0
        assert np.percentile(difference, 95) <= 4
    else:
        assert difference.max() <= (0 if name in EXACT else 1)
        assert difference.mean() < 0.1


def test_whole_pipelines_agree(photographs: list[np.ndarray]) -> None:
    """Changes that act on rounded values after one another may differ by more than a level in a few pixels."""
    operations = tuple(
        OperationSpec(name, p=0.3) for name in OPERATIONS if name not in ("jpeg", "sharpen")
    )  # sharpening threefold what differs by a level
    spec = PipelineSpec(operations, order="random", seed=5, min_visibility=0.5)
    boxes = np.array([[10, 10, 40, 40], [60, 20, 110, 78]], dtype=np.float32), np.array([4, 2])
    indices = [index(2, item) for item in range(12)]
    frames = [photographs[i % 2] for i in range(12)]
    image, moved = twin(spec)(torch.from_numpy(np.stack(frames)), [boxes] * 12, indices)
    dropped = 0
    for number, (frame, at) in enumerate(zip(frames, indices, strict=True)):
        one = pipeline(spec)(Sample(frame, *boxes), at)
        assert (one.boxes == moved[number][0]).all()
        assert one.classes.tolist() == moved[number][1].tolist()
        dropped += 2 - len(one.boxes)
        difference = np.abs(one.image.astype(int) - image[number].numpy())
        assert difference.mean() < 0.2
        assert difference.max() <= 4
    assert dropped


def test_the_given_batch_stays_as_it_is_and_classifiers_need_no_boxes(photographs: list[np.ndarray]) -> None:
    image = torch.from_numpy(np.stack(photographs))
    before = image.clone()
    changed, moved = twin(filled(standard(), ()))(image, (), [0, 1])
    assert (image == before).all()
    assert moved == []
    assert changed.shape == image.shape
    assert changed.dtype == torch.uint8


def test_a_batch_position_changes_nothing(photographs: list[np.ndarray]) -> None:
    change = twin(filled(standard(2), ()))
    image = torch.from_numpy(np.stack(photographs))
    together = torch.cat([change(image[i : i + 1], (), [7 + i])[0] for i in range(2)])
    assert (change(image, (), [7, 8])[0].int() - together.int()).abs().max() <= 1


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_jpeg_loses_what_the_library_loses(photographs: list[np.ndarray], quality: int) -> None:
    """Its error against the photograph, as root mean square, within 3 % of the library's."""
    photograph = photographs[0]
    theirs = cv2.imdecode(cv2.imencode(".jpg", photograph, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    as_rgb = torch.from_numpy(photograph[..., ::-1].copy()).permute(2, 0, 1)[None].float()
    ours = twin_jpeg.compressed(as_rgb, [quality])[0].permute(1, 2, 0).numpy()[..., ::-1].clip(0, 255)
    lost = [np.sqrt(np.square(one - photograph.astype(float)).mean()) for one in (ours, theirs)]
    assert lost[0] == pytest.approx(lost[1], rel=0.03, abs=0.2)


def test_a_place_that_was_not_filled_is_refused() -> None:
    with pytest.raises(SettingsError, match="matched"):
        twin(standard())
