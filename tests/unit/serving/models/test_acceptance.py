"""Golden frames: none of another shape are asked, and half precision is not trusted without them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.golden import Golden
from contracts.repository import ModelRepository, Version
from serving.models.acceptance import check_golden
from tests.small_model import publish_small_version

PIXELS = np.zeros((3, 4, 4, 3), np.uint8)
PROBABILITIES = np.array([[0.9, 0.1], [0.505, 0.495], [0.2, 0.8]], np.float32)
EMBEDDING = np.zeros((3, 2), np.float32)
GOLDEN = Golden(PIXELS, PROBABILITIES, EMBEDDING)


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
