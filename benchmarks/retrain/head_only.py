"""How long the head alone takes on cached features: penalties tried out of fold, the best one's head, its temperature."""

import statistics
import time
from typing import Final

import numpy as np
import torch

from benchmarks.form import Figure
from retrain.models.backbones import WIDTH
from retrain.training.crossfit import Development, cross_fit

PART: Final = "head only"
GOAL_S: Final = 5.0
FRAMES: Final = 2_000
"""Old and new, half each."""
CAVEATS: Final = (
    f"head only: embeddings of {WIDTH} numbers drawn at random about their classes' centres; wall seconds of one thread.",
)


def figures(quick: bool) -> list[Figure]:
    """Two classes and ten; with `quick`, fewer repeats."""
    torch.set_num_threads(1)
    return [_figure(classes, 2 if quick else 5) for classes in (2, 10)]


def _figure(classes: int, repeats: int) -> Figure:
    random = np.random.default_rng(0)
    truth = random.integers(0, classes, FRAMES)
    embedding = (random.normal(0, 0.5, (classes, WIDTH))[truth] + random.normal(0, 3, (FRAMES, WIDTH))).astype(np.float32)
    groups = tuple(f"recording-{row // 10}" for row in range(FRAMES))
    development = Development(embedding, truth, groups, np.arange(FRAMES) >= FRAMES // 2)
    took = []
    for _ in range(repeats):
        began = time.monotonic()
        cross_fit(development, classes, 0)
        took.append(time.monotonic() - began)
    value = statistics.median(took)
    name = f"a head of {classes} classes, {FRAMES:,} cached features"
    return Figure(PART, name, "s", value, min(took), max(took), f"<= {GOAL_S:g}", value <= GOAL_S)
