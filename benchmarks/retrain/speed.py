"""What the training loop costs beside a bare one: the same network on the same batches, in alternation, by the process's own CPU time.

The bare loop is forward, loss, backward and torch's AdamW with its defaults: no stages, no schedule, no clipping, no weights of frames, no figures, no
checkpoint. Ours is `train` as it is; its figure `a step` leaves out the ends of epochs, `with checkpoints` counts one checkpoint an epoch. Judging
is free in both.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
import torch

from benchmarks.form import Figure
from contracts.files import Folder
from retrain.models.graph import SCORES
from retrain.models.network import Network
from retrain.models.recipe import EFFICIENTNET, SMALL_CONV, find
from retrain.training.course import Batch, Course
from retrain.training.loop import train

GOAL: Final = 1.2
LABELS: Final = ("a", "b", "c")
CASES: Final = ((SMALL_CONV, 32, 32, 60), (EFFICIENTNET, 96, 16, 20))
"""Recipe, side, frames a batch, batches an epoch."""
EPOCHS: Final = 2
CAVEATS: Final = (
    "speed: step time is CPU time of one process with one thread, frames already in memory; the interval is the spread over alternating runs.",
)


class _Held:
    """Batches in memory; `seconds` is the CPU time between the first and the end of every epoch."""

    def __init__(self, batches: list[Batch]) -> None:
        self.stalled_s, self.seconds = 0.0, 0.0
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        began = time.process_time()
        yield from self._batches[skip:]
        self.seconds += time.process_time() - began


def figures(quick: bool) -> list[Figure]:
    """Both networks; with `quick`, fewer alternations."""
    torch.set_num_threads(1)
    return [figure for case in CASES for figure in _case(*case, 3 if quick else 9)]


def _case(name: str, side: int, batch: int, count: int, repeats: int) -> list[Figure]:
    random = np.random.default_rng(0)
    batches = [
        Batch(
            torch.from_numpy(random.integers(0, 256, (batch, side, side, 3), dtype=np.uint8)),
            torch.from_numpy(random.integers(0, len(LABELS), batch)),
            torch.ones(batch),
        )
        for _ in range(count)
    ]
    steps = EPOCHS * count
    bare, ours, whole = [], [], []
    for repeat in range(repeats + 1):
        alone = _bare(_network(name, side), batches)
        held, took = _ours(_network(name, side), batches)
        if repeat:  # the first of each warms the caches of kernels
            bare.append(alone / steps)
            ours.append(held / steps)
            whole.append(took / steps)
    milliseconds = statistics.median(bare) * 1e3
    told = f"{name}, {side} px, {batch} frames"
    return [
        _ratio(f"a step, {told}", ours, bare, milliseconds),
        _ratio(f"with checkpoints, {told}", whole, bare, milliseconds),
    ]


def _ratio(name: str, ours: list[float], bare: list[float], milliseconds: float) -> Figure:
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    value = statistics.median(ratios)
    return Figure(
        "speed", name, "x bare loop", value, min(ratios), max(ratios), f"<= {GOAL}", value <= GOAL, {"bare loop, ms": milliseconds}
    )


def _network(name: str, side: int) -> Network:
    return find(name).build("classification", LABELS, side, pretrained=False)


def _bare(network: Network, batches: list[Batch]) -> float:
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    began = time.process_time()
    for _ in range(EPOCHS):
        for batch in batches:
            assert isinstance(batch.truth, torch.Tensor)
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(batch.image)[SCORES], batch.truth)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own signature
            optimiser.step()
    return time.process_time() - began


def _ours(network: Network, batches: list[Batch]) -> tuple[float, float]:
    """CPU seconds of the steps alone, and of the whole run."""
    held = _Held(batches)
    course = Course(epochs=EPOCHS, batch=len(batches[0].weight), rate=1e-3, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        train(network, held, lambda _: 0.0, course, Folder(folder), _quiet, time.monotonic)
        return held.seconds, time.process_time() - began


def _quiet(step: str, progress: float, detail: str = "", **metrics: float) -> None:
    pass
