"""Golden frames: what counts as the same answer."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.golden import Golden
from contracts.repository import ModelRepository, Version
from serving.models.acceptance import Tolerance, check_golden, differs
from tests.small_model import publish_small_version

TIGHT = Tolerance(0.01, 0.02)
PIXELS = np.zeros((3, 4, 4, 3), np.uint8)
PROBABILITIES = np.array([[0.9, 0.1], [0.505, 0.495], [0.2, 0.8]], np.float32)
EMBEDDING = np.zeros((3, 2), np.float32)
GOLDEN = Golden(PIXELS, PROBABILITIES, EMBEDDING)


def _found(*off: tuple[int, int, float]) -> NDArray[np.float64]:
    found = PROBABILITIES.astype(np.float64)
    for row, column, by in off:
        found[row, column] += by
    return found


def test_the_same_answers_and_answers_within_the_tolerance_pass() -> None:
    assert differs(GOLDEN, _found(), EMBEDDING, TIGHT) is None
    assert differs(GOLDEN, _found((0, 0, 0.009), (2, 1, -0.009)), EMBEDDING + np.float32(0.019), TIGHT) is None


def test_a_probability_that_is_off_is_named() -> None:
    assert differs(GOLDEN, _found((2, 0, 0.02)), EMBEDDING, TIGHT) == "a probability of frame 2 is off by 0.02, 0.01 are allowed"
    assert "off by nan" in (differs(GOLDEN, _found((1, 0, float("nan"))), EMBEDDING, TIGHT) or "")


def test_an_embedding_that_is_off_is_told_in_standard_deviations() -> None:
    assert "the embedding is off by 0.03 standard" in (differs(GOLDEN, _found(), EMBEDDING + np.float32(0.03), TIGHT) or "")
    assert differs(GOLDEN, _found(), EMBEDDING * np.float32("nan"), TIGHT) is not None
    none = Golden(PIXELS, PROBABILITIES, np.zeros((3, 0), np.float32))
    assert differs(none, _found(), none.embedding, TIGHT) is None


class _Fixed:
    """A runner that answers what it is given, so that shapes are judged before anything runs."""

    provider, sizes, warm_up_runs = "none", (1,), 1

    def run(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise AssertionError("nothing may run")


def test_golden_frames_of_another_shape_and_half_precision_without_any(tmp_path: Path) -> None:
    publish_small_version(str(tmp_path))
    version = ModelRepository(str(tmp_path)).read("small", "1")
    with pytest.raises(VersionError, match="its golden frames are"):
        check_golden(Version(version.manifest, version.model, version.baseline, GOLDEN), _Fixed(), "full")
    without = Version(version.manifest, version.model, version.baseline)
    check_golden(without, _Fixed(), "full")
    with pytest.raises(VersionError, match="no golden frames to show that half precision suffices"):
        check_golden(without, _Fixed(), "half")
