"""Trains a network by one technique after the other within a budget, each once however often the process is killed, and says how each fared.

What a technique made is its best weights with their score on validation: balanced accuracy on new and on old frames, harmonic mean. What did not come
through (no time left, diverged, too little memory) has a row that says so; the bake-off goes on without it.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from contracts.files import Folder, sha256
from contracts.frames import Pixels
from retrain.augment.spec import PipelineSpec, encode
from retrain.data.material import Material
from retrain.models.graph import SCORES
from retrain.models.network import Network
from retrain.request import Technique, TrialRow
from retrain.steps import Steps
from retrain.training import distributed
from retrain.training.allowance import Allowed, TooLongError
from retrain.training.augmented import place_of
from retrain.training.course import Course
from retrain.training.curve import Point
from retrain.training.learner import precision
from retrain.training.lesson import Lesson, lesson
from retrain.training.loader import Loader, TrainingSet
from retrain.training.loop import DivergedError, Say, Trained, train
from retrain.training.prepared import prepared
from retrain.training.score import Score, scored

PREPARED: Final = "prepared"
RUNS: Final = "training"
"""Folders of the job's that are gone when the bake-off is over."""
_REVISION: Final = "1"
"""Part of every step's inputs: raise it when a technique trains otherwise."""
_CHUNK: Final = 64
_FEW: Final = 1_000
"""Frames to learn from with which the pretrained network's batch statistics are kept."""

COURSES: Final[Mapping[Technique, Course]] = {
    "lp_ft": Course(epochs=12, batch=32, rate=1e-4, seed=0, patience=4),
    "full": Course(epochs=20, batch=32, rate=3e-4, seed=0, patience=5),
    "scratch": Course(epochs=60, batch=32, rate=2e-3, seed=0, layer_decay=1.0, patience=15),
}
"""Of a fine-tuning the last stage's rate; with nine stages the first learns a thirtieth as fast."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all techniques of a bake-off share. `start` gives a technique's network before training; `key` is the digest of all that decides it.

    `folder` is the job's, `local` a folder on this host's disk for prepared frames.
    """

    material: Material
    recipe: str
    start: Callable[[Technique], Network]
    key: str
    old_share: float
    seed: int
    augmentation: PipelineSpec
    device: torch.device
    threads: int
    folder: Folder
    local: Path
    steps: Steps
    clock: Callable[[], float]


class Trial(msgspec.Struct, frozen=True):
    """A technique as it came out; `weights` (a file of `pack`) are empty where it did not. `epoch` is the best one's, of `epochs` at most.

    `error` is the standard error of its harmonic mean.
    """

    row: TrialRow
    error: float = 0.0
    curve: tuple[Point, ...] = ()
    epoch: int = 0
    epochs: int = 0
    weights: bytes = b""


def bake_off(
    bench: Bench, techniques: Sequence[Technique], budget_s: float, say: Callable[[Technique], Say]
) -> dict[Technique, Trial]:
    """Each technique's trial, in turn, within `budget_s` together; `say(technique)` is where its progress is said. Raises StoreError."""
    trials: dict[Technique, Trial] = {}
    for technique in techniques:
        # The first process's seconds: each has its own, and all must come to the same decision.
        left = distributed.said(budget_s - sum(trial.row.seconds for trial in trials.values()), distributed.place())
        spent = Trial(no_trial(bench.recipe, technique, "not tried: the training budget is spent"))
        trials[technique] = _tried(bench, technique, left, say(technique)) if left > 0 else spent
    if distributed.place().first:
        bench.folder.remove(RUNS)
        shutil.rmtree(bench.local / PREPARED, ignore_errors=True)
    return trials


def no_trial(recipe: str, technique: Technique, why: str, seconds: float = 0.0) -> TrialRow:
    """The row of a technique that gave nothing to choose."""
    return TrialRow(recipe, technique, 0.0, 0.0, 0.0, seconds, seconds, 0.0, 0.0, False, why)


def _tried(bench: Bench, technique: Technique, left_s: float, say: Say) -> Trial:
    part = lesson(bench.material, technique, bench.old_share, bench.seed)
    course = _course(technique, len(part.rows), bench)
    inputs = [_REVISION, bench.key, technique, repr(asdict(course)), encode(bench.augmentation).decode()]
    folder = f"{RUNS}/{technique}-{sha256(repr(inputs).encode())[:16]}"

    def make() -> dict[str, bytes]:
        began = bench.clock()
        try:
            trial = _trained(bench, technique, part, course, left_s, folder, say)
        except (TooLongError, DivergedError, torch.OutOfMemoryError) as error:
            why = str(error).splitlines()[0]
            trial = Trial(no_trial(bench.recipe, technique, f"given up: {why}", bench.clock() - began))
        return {
            "trial.json": msgspec.json.encode(msgspec.structs.replace(trial, weights=b"")),
            "weights.safetensors": trial.weights,
        }

    made = bench.steps.once(f"train-{technique}", inputs, make)
    if distributed.place().first:
        bench.folder.remove(folder)  # only now: until the step is finished its checkpoints are all that is left of it
    trial = msgspec.json.decode(made["trial.json"], type=Trial)
    return msgspec.structs.replace(trial, weights=made["weights.safetensors"])


def _course(technique: Technique, frames: int, bench: Bench) -> Course:
    freeze = technique != "scratch" and frames < _FEW
    course = COURSES[technique]
    return replace(course, seed=bench.seed, batch=min(course.batch, frames), freeze_norm=freeze, precision=precision(bench.device))


def _trained(bench: Bench, technique: Technique, part: Lesson, course: Course, left_s: float, folder: str, say: Say) -> Trial:
    network = bench.start(technique).to(bench.device)
    image = _prepared(bench, part.rows)
    on_device = place_of(bench.augmentation, network, image[: course.batch], bench.device, bench.threads, bench.clock)
    where = distributed.place()
    loader = Loader(
        TrainingSet(image, bench.material.truth[part.rows], part.weight),
        course.batch,
        bench.augmentation,
        bench.clock,
        seed=course.seed,
        workers=bench.threads,
        rank=where.rank,
        world=where.world,
        device=bench.device,
        on_device=on_device,
    )
    judge = _Judge(_prepared(bench, part.judged), bench.material.truth[part.judged], bench.material.new[part.judged], bench.device)
    run = train(
        network,
        Allowed(loader, course.epochs, left_s, bench.clock),
        lambda judged: judge(judged).harmonic,
        course,
        Folder(f"{bench.folder.url}/{folder}"),
        say,
        bench.clock,
    )
    return _told(bench.recipe, technique, run, judge(network), course)


def _told(recipe: str, technique: Technique, run: Trained, score: Score, course: Course) -> Trial:
    went = len(run.curve) - 1
    why = f"best after epoch {run.epoch} of {went}" if run.epoch else f"none of {went} epochs was better than its beginning"
    row = TrialRow(
        recipe, technique, score.new, score.old, score.harmonic, run.seconds, run.device_s, run.peak_mib, 0.0, False, why
    )
    return Trial(row, score.error, run.curve, run.epoch, course.epochs, run.weights)


def _prepared(bench: Bench, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Pixels:
    """The frames of these rows as the network takes them, mapped from a file."""
    items = [bench.material.dataset.items[row] for row in rows.tolist()]
    return prepared(
        bench.local / PREPARED,
        [item.sha256 for item in items],
        lambda number: bench.material.frames[int(rows[number])],
        bench.material.session.spec,
        bench.threads,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """Scores a network on frames that it does not learn from."""

    image: Pixels
    truth: np.ndarray[tuple[int], np.dtype[np.int64]]
    new: np.ndarray[tuple[int], np.dtype[np.bool_]]
    device: torch.device

    def __call__(self, network: Network) -> Score:
        said = []
        with torch.no_grad():
            for start in range(0, len(self.image), _CHUNK):
                shown = torch.from_numpy(np.array(self.image[start : start + _CHUNK])).to(self.device)
                said.append(network(shown)[SCORES].argmax(1).cpu().numpy())
        return scored(np.concatenate(said), self.truth, self.new)
