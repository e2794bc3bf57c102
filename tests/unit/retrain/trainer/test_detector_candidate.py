"""A detector without anything new to learn from is held, and not trained on nothing."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from retrain.data.counts import TooLittleError
from retrain.trainer.detector_candidate import detector_candidate


def test_new_frames_that_all_tune_or_judge_hold_the_job() -> None:
    none_learns = SimpleNamespace(where=lambda _: np.zeros(200, np.bool_))
    material: Any = SimpleNamespace(new=np.ones(200, np.bool_), dataset=none_learns, counts=lambda: "140 to judge on")
    nothing: Any = None
    with pytest.raises(
        TooLittleError, match="no new frame to learn from: all lie in recordings that tune or judge; 140 to judge on"
    ):
        detector_candidate(nothing, nothing, material, nothing, nothing, nothing, nothing, nothing, nothing)
