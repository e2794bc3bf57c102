"""Golden frames as a file: what goes in comes out, and nothing else is taken."""

import io
from typing import Any

import numpy as np
import pytest

from contracts import golden as goldens
from contracts.errors import VersionError
from contracts.golden import Golden

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 6, 3), dtype=np.uint8)
GOLDEN = Golden(PIXELS, np.full((3, 2), 0.5, np.float32), np.ones((3, 4), np.float32))


def test_what_goes_in_comes_out() -> None:
    found = goldens.decode(goldens.encode(GOLDEN), "here")
    assert len(found) == 3
    for name in ("pixels", "probabilities", "embedding"):
        assert np.array_equal(getattr(found, name), getattr(GOLDEN, name))


def test_a_detectors_boxes_are_kept_and_a_classifiers_file_has_none() -> None:
    boxes = np.ones((3, 20, 6), np.float32)
    found = goldens.decode(goldens.encode(Golden(PIXELS, np.zeros((3, 0), np.float32), GOLDEN.embedding, boxes)), "here")
    assert found.boxes is not None
    assert np.array_equal(found.boxes, boxes)
    assert found.probabilities.shape == (3, 0)
    with np.load(io.BytesIO(goldens.encode(GOLDEN))) as data:
        assert set(data.files) == {"pixels", "probabilities", "embedding"}


@pytest.mark.parametrize(
    "change",
    [
        {"pixels": PIXELS.astype(np.float32)},
        {"pixels": PIXELS[0]},
        {"pixels": PIXELS[:2]},
        {"probabilities": np.full((3, 2), np.nan, np.float32)},
        {"probabilities": np.full((3, 2), 0.5)},
        {"embedding": np.ones((3, 4, 1), np.float32)},
        {"boxes": np.ones((3, 6), np.float32)},
        {"boxes": np.ones((2, 20, 6), np.float32)},
        {"boxes": np.full((3, 20, 6), np.inf, np.float32)},
    ],
)
def test_arrays_that_are_no_golden_frames(change: dict[str, Any]) -> None:
    stream = io.BytesIO()
    arrays: dict[str, Any] = {name: getattr(GOLDEN, name) for name in ("pixels", "probabilities", "embedding")}
    np.savez(stream, **(arrays | change))
    with pytest.raises(VersionError, match=r"here/golden.npz holds"):
        goldens.decode(stream.getvalue(), "here")


@pytest.mark.parametrize("content", [b"", b"no zip", goldens.encode(GOLDEN)[:200]])
def test_what_cannot_be_read(content: bytes) -> None:
    with pytest.raises(VersionError, match=r"here/golden.npz cannot be read"):
        goldens.decode(content, "here")
