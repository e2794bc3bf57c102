"""The training loop: epochs of updates, a score after each, the best weights kept; killed at any instant it goes on from its last checkpoint.

The same network, batches, course and number of processes give the same bits on a CPU with one thread, killed or not: what is random depends on
the epoch and the batch alone, and a checkpoint holds the rest.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from contracts.errors import KeepsightError, StoreError
from contracts.files import Folder, sha256
from retrain.models.network import Network, pack
from retrain.training import distributed
from retrain.training.checkpoint import Checkpoints, Run, split
from retrain.training.course import Batches, Course
from retrain.training.curve import Point
from retrain.training.distributed import Place
from retrain.training.learner import Learner
from retrain.training.meter import Meter
from retrain.training.stopping import Best, better, over

LOOK: Final = 50
"""Batches between two looks at the loss: each waits for the device."""
SAY_S: Final = 1.0
_ADVICE: Final = "a lower rate, a longer warm-up or float32 may help; look also for frames or truths that are wrong"
Judge = Callable[[Network], float]


class DivergedError(KeepsightError):
    """Training went astray: the loss or a weight is no longer a finite number."""


class Say(Protocol):
    """Where progress is said."""

    def __call__(self, step: str, progress: float, detail: str = "", **metrics: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Trained:
    """The best epoch's weights (a file of `pack`) and score; `device_s` is seconds times processes."""

    weights: bytes
    score: float
    epoch: int
    curve: tuple[Point, ...]
    seconds: float
    device_s: float
    peak_mib: float


def train(
    network: Network, batches: Batches, judge: Judge, course: Course, folder: Folder, say: Say, clock: Callable[[], float]
) -> Trained:
    """Train `network` in place and leave it with its best weights; `judge` gives its score on validation (higher is better), also before the first epoch.

    Checkpoints lie in `folder`, after every epoch and every `course.checkpoint_s` seconds of `clock`. Raises DivergedError, StoreError.
    """
    steps, each = len(batches), course.accumulate
    if not steps:
        raise ValueError("there are no batches to learn from")
    updates = math.ceil(steps / each)
    learner = Learner(network, course, course.epochs * updates)
    checkpoints = Checkpoints(folder, _key(network, course, steps))
    run, best = _resumed(checkpoints, learner) or _begun(learner, judge)
    before = run.seconds
    meter = Meter(learner.device, clock, before)
    saved = told = before

    while run.epoch < course.epochs and not over(run.epoch, run.best, course.patience):
        learner.ready()
        meter.start_epoch(run.loss_sum, run.frames)
        for batch in batches.epoch(run.epoch, run.step):
            run.step += 1
            last = run.step % each == 0 or run.step == steps
            meter.take(*learner.take(batch, (run.epoch, run.step), last, run.update))
            run.update += last
            if run.step % LOOK == 0:
                _check(meter, run, learner.place)
            now = meter.seconds()
            if now - told >= SAY_S and learner.place.first:
                told = now
                share = (run.epoch + run.step / steps) / course.epochs
                say("training", share, _words(run, course), **_metrics(meter, run, batches, before))
            if last and now - saved >= course.checkpoint_s and run.step < steps:
                saved = now
                _save(checkpoints, learner, run, best, meter)
        _check(meter, run, learner.place)
        score = _judged(learner, judge)
        best = _end_epoch(learner, run, best, meter, score)
        saved = meter.seconds()
        _save(checkpoints, learner, run, best, meter)
    network.load_state_dict(best)
    network.eval()
    seconds = run.seconds
    return Trained(
        pack(network), run.best.score, run.best.epoch, tuple(run.curve), seconds, seconds * learner.place.world, run.peak_mib
    )


def _begun(learner: Learner, judge: Judge) -> tuple[Run, dict[str, Tensor]]:
    score = _judged(learner, judge)
    return Run(Best(score, 0), curve=[Point(0, None, score, 0.0, 0.0)]), _copied(learner)


def _resumed(checkpoints: Checkpoints, learner: Learner) -> tuple[Run, dict[str, Tensor]] | None:
    """The newest checkpoint's state, put in place. Several processes must find the same one, and none may write before all have read."""
    found = checkpoints.read()
    update = found[0].update if found else -1
    if distributed.mean(update, learner.place) != distributed.said(update, learner.place):
        raise StoreError("the processes of this run find different checkpoints: its folder must be one that all of them share")
    if found is None:
        return None
    run, tensors = found
    learner.restore(tensors, run.scaler)
    # Copied: what was read is views of the whole file's bytes, which may go.
    return run, {name: tensor.to(learner.device, copy=True) for name, tensor in split(tensors, "best").items()}


def _end_epoch(learner: Learner, run: Run, best: dict[str, Tensor], meter: Meter, score: float) -> dict[str, Tensor]:
    """Book an epoch. Returns the best weights."""
    loss_sum, frames = (distributed.mean(value, learner.place) for value in meter.epoch())
    run.epoch, run.step, run.loss_sum, run.frames = run.epoch + 1, 0, 0.0, 0
    run.curve.append(Point(run.epoch, loss_sum / frames, score, learner.rate(run.update - 1), meter.seconds()))
    if not better(score, run.best):
        return best
    run.best = Best(score, run.epoch)
    return _copied(learner)


def _judged(learner: Learner, judge: Judge) -> float:
    """The network's score, found by the first process and told to the others."""
    learner.network.eval()
    with torch.no_grad():
        score = judge(learner.network) if learner.place.first else 0.0
    return distributed.said(score, learner.place)


def _save(checkpoints: Checkpoints, learner: Learner, run: Run, best: dict[str, Tensor], meter: Meter) -> None:
    run.seconds, run.peak_mib = meter.seconds(), max(run.peak_mib, meter.peak_mib())
    if run.step:
        run.loss_sum, run.frames = meter.epoch()
    tensors, run.scaler = learner.state()
    wrong = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())]
    if wrong:
        raise DivergedError(f"{wrong[0]} is not finite after update {run.update}: {_ADVICE}")
    if learner.place.first:
        checkpoints.write(run, tensors | {f"best/{name}": tensor for name, tensor in best.items()})


def _check(meter: Meter, run: Run, where: Place) -> None:
    """The loss of all processes together, so that they end together: one that went on would wait for the others."""
    loss_sum = distributed.mean(meter.epoch()[0], where)
    if not math.isfinite(loss_sum):
        raise DivergedError(f"the loss is {loss_sum} at batch {run.step} of epoch {run.epoch + 1}: {_ADVICE}")


def _words(run: Run, course: Course) -> str:
    return f"epoch {run.epoch + 1} of at most {course.epochs}; best score {run.best.score:.3f} after epoch {run.best.epoch}"


def _metrics(meter: Meter, run: Run, batches: Batches, before: float) -> dict[str, float]:
    loss_sum, frames = meter.epoch()
    spent = max(1e-9, meter.seconds() - before)
    return {
        "loss": loss_sum / frames,
        "score": run.curve[-1].score,
        "frames_per_s": meter.frames_per_s(before),
        "stalled": batches.stalled_s / spent,
    }


def _copied(learner: Learner) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in learner.network.state_dict().items()}


def _key(network: Network, course: Course, steps: int) -> str:
    """What a checkpoint must be of: where the network began, the numbers of the run, the batches of an epoch."""
    return sha256(f"{sha256(pack(network))} {asdict(course)} {steps}".encode())[:16]
