"""How long the training step waits for its frames: EfficientNet-lite0 on real cells with the default augmentation, by workers, in alternation.

`0 workers` makes each batch when it is asked for: what the augmentation costs. The others make them ahead on threads, while the step computes.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.form import Figure
from contracts.files import sha256
from contracts.manifest import InputSpec
from retrain.augment.spec import filled, standard
from retrain.models.graph import IMAGE
from retrain.models.recipe import EFFICIENTNET, find
from retrain.training.course import Course
from retrain.training.learner import Learner
from retrain.training.loader import Loader, TrainingSet
from retrain.training.prepared import prepared
from standalone import photographs

PART: Final = "loader"
GOAL: Final = 0.1
SIDE: Final = 128
BATCH: Final = 16
BATCHES: Final = 12
WORKERS: Final = (0, 1, 2)
CAVEATS: Final = (
    "loader: the share of the epoch's wall time in which the step waited; the step computes on one core of two, so that the other makes frames.",
)


def figures(quick: bool) -> list[Figure]:
    """Every number of workers; with `quick`, fewer alternations."""
    torch.set_num_threads(1)
    cells, pictures = photographs.load()
    contents = [photographs.jpeg(pictures[cell.number]) for cell in cells[: BATCH * BATCHES]]
    truth = np.array([int(cell.defective) for cell in cells[: len(contents)]])
    with tempfile.TemporaryDirectory() as folder:
        spec = InputSpec(IMAGE, SIDE, SIDE, decode="reduced")
        image = prepared(Path(folder), [sha256(one) for one in contents], contents.__getitem__, spec)
        frames = TrainingSet(image, truth, np.ones(len(truth), np.float32))
        return _judged(frames, 2 if quick else 5)


def _judged(frames: TrainingSet, repeats: int) -> list[Figure]:
    network = find(EFFICIENTNET).build("classification", photographs.LABELS, SIDE)
    course = Course(epochs=1, batch=BATCH, rate=1e-4, seed=1, freeze_norm=True)
    learner = Learner(network, course, (len(WORKERS) * (repeats + 1)) * BATCHES)
    shares: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    for repeat in range(repeats + 1):
        for workers in WORKERS if repeat % 2 else WORKERS[::-1]:
            share = _share(learner, frames, workers)
            if repeat:  # the first of each warms the caches of kernels
                shares[workers].append(share)
    return [_figure(workers, found, shares[0]) for workers, found in shares.items()]


def _share(learner: Learner, frames: TrainingSet, workers: int) -> float:
    loader = Loader(frames, BATCH, filled(standard(1), ()), time.perf_counter, workers=workers)
    learner.ready()
    began = time.perf_counter()
    for step, batch in enumerate(loader.epoch(0)):
        learner.take(batch, (0, step), True, 1)
    return loader.stalled_s / (time.perf_counter() - began)


def _figure(workers: int, found: list[float], alone: list[float]) -> Figure:
    value = statistics.median(found)
    goal, ok = (f"<= {GOAL}", value <= GOAL) if workers else ("", None)
    peers: dict[str, float | None] = {"0 workers": statistics.median(alone)}
    name = f"share of the time that the step waits, {workers} worker{'s' if workers != 1 else ''}"
    return Figure(PART, name, "share", value, min(found), max(found), goal, ok, peers if workers else {})
