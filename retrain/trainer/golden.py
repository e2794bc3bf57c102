"""Records a version's golden frames: what the published graph answers, here and now, to some of the frames that it was made with."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from contracts.baseline import Baseline
from contracts.frames import Pixels, see
from contracts.golden import Golden
from contracts.manifest import Manifest
from retrain.models.calibrate import probabilities
from retrain.models.export import parity_frames
from retrain.models.session import Session

FRAMES: Final = 8
"""A megabyte at 224 x 224 pixels, and enough that a wrong graph is not right by chance."""


def record(model: bytes, manifest: Manifest, baseline: Baseline, contents: Sequence[bytes]) -> Golden:
    """The golden frames of a version: at most FRAMES of its encoded frames, spread evenly."""
    pixels: list[Pixels] = [see(contents[i], manifest.input) for i in parity_frames(len(contents), FRAMES)]
    embedding, scores = Session(model, manifest.input, manifest.embedding, manifest.answers).run(pixels)
    if manifest.task == "detection":
        return Golden(np.stack(pixels), np.zeros((len(pixels), 0), np.float32), baseline.project(embedding), scores)
    found = probabilities(scores.astype(np.float64), manifest.scores_are, manifest.temperature)
    return Golden(np.stack(pixels), found.astype(np.float32), baseline.project(embedding))
