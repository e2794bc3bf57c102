"""The loop: it learns, keeps the best, says how it goes, and goes on bit for bit wherever it was killed."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.errors import StoreError
from contracts.files import Folder
from retrain.models.graph import SCORES
from retrain.models.network import Classifier, Network, pack
from retrain.models.recipe import SMALL_CONV, find
from retrain.training.course import Course
from retrain.training.curve import Point
from retrain.training.loop import DivergedError, Trained, train
from tests.small_pictures import LABELS, SIDE, Held, accuracy, pictures

COURSE = Course(epochs=3, batch=32, rate=0.01, seed=1, patience=3)
COUNT = 160
ROOT = Path(__file__).parents[4]


class KilledError(BaseException):
    """Stands for SIGKILL where a process of its own would be too slow: nothing catches it."""


def quiet(step: str, progress: float, detail: str = "", **metrics: float) -> None:
    pass


def network() -> Network:
    """The small network with dropout on its embedding, so that training draws at random."""
    made = find(SMALL_CONV).build("classification", LABELS, SIDE)
    assert isinstance(made, Classifier)
    body = made.body
    assert isinstance(body, torch.nn.Module)
    body.register_forward_hook(lambda module, _, embedding: torch.nn.functional.dropout(embedding, 0.2, module.training))
    return made


def trained(
    folder: Path, course: Course = COURSE, die: tuple[int, int] | None = None, judge: Callable[[Network], float] | None = None
) -> Trained:
    """A run whose clock moves a second with each look. It is killed before batch `die` (epoch, step)."""

    def before(epoch: int, step: int) -> None:
        if (epoch, step) == die:
            raise KilledError

    clock = count(0.0)
    return train(
        network(), Held(COUNT, 32, before), judge or accuracy(), course, Folder(str(folder)), quiet, lambda: float(next(clock))
    )


def told(run: Trained) -> tuple[bytes, float, int, list[tuple[int, float | None, float, float]]]:
    """All of a run but what it cost."""
    return run.weights, run.score, run.epoch, [(p.epoch, p.loss, p.score, p.rate) for p in run.curve]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_it_learns_the_digits(tmp_path: Path) -> None:
    course = replace(COURSE, epochs=4, rate=0.01)
    learner = network()
    run = train(learner, Held(1280, 32), accuracy(), course, Folder(str(tmp_path)), quiet, lambda: 0.0)
    assert run.score > 0.93
    assert run.curve[0].score < 0.2
    assert [point.epoch for point in run.curve] == [0, 1, 2, 3, 4]
    assert run.curve[-1].loss is not None
    assert run.curve[1].loss is not None
    assert run.curve[-1].loss < 0.5 * run.curve[1].loss
    assert accuracy()(learner) == run.score == accuracy()(find(SMALL_CONV).load(run.weights))
    assert not learner.training


def test_it_learns_eight_pictures_by_heart(tmp_path: Path) -> None:
    course = Course(epochs=60, batch=8, rate=0.01, seed=1, patience=60, decay=0.0, layer_decay=1.0)
    run = train(network(), Held(8, 8), accuracy(0, 8), course, Folder(str(tmp_path)), quiet, lambda: 0.0)
    assert run.score == 1.0
    assert run.curve[-1].loss is not None
    assert run.curve[-1].loss < 0.02


def test_the_same_run_gives_the_same_bits_and_another_seed_others(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = told(trained(tmp_path / "a"))
    torch.manual_seed(2)
    assert told(trained(tmp_path / "b")) == first
    assert told(trained(tmp_path / "c", replace(COURSE, seed=2))) != first


@pytest.mark.parametrize(("epoch", "accumulate"), [(0, 1), (1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("step", range(5))
def test_killed_before_any_batch_it_goes_on_bit_for_bit(tmp_path: Path, epoch: int, step: int, accumulate: int) -> None:
    course = replace(COURSE, accumulate=accumulate, checkpoint_s=0.0)
    with pytest.raises(KilledError):
        trained(tmp_path / "killed", course, (epoch, step))
    assert told(trained(tmp_path / "killed", course)) == told(whole(course))


WHOLE: dict[Course, Trained] = {}


def whole(course: Course) -> Trained:
    """The same run, never killed."""
    if course not in WHOLE:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            WHOLE[course] = trained(Path(folder), course)
    return WHOLE[course]


def test_killed_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    course = replace(COURSE, checkpoint_s=0.0)
    for die in ((0, 1), (0, 1), (0, 4), (1, 0), (2, 2)):
        with pytest.raises(KilledError):
            trained(tmp_path, course, die)
    assert told(trained(tmp_path, course)) == told(whole(course))


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first = trained(tmp_path)
    assert told(trained(tmp_path, die=(2, 4))) == told(first)


SCRIPT = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from contracts.errors import StoreError
from contracts.files import Folder
from retrain.training.loop import train
from tests.small_pictures import Held, accuracy
from tests.unit.retrain.training.test_loop import COUNT, COURSE, network, quiet

def before(epoch, step):
    if (epoch, step) == (1, 3):
        os.kill(os.getpid(), signal.SIGKILL)

train(network(), Held(COUNT, 32, before), accuracy(), COURSE, Folder(sys.argv[1]), quiet, lambda: 0.0)
"""


def test_kill_9_of_a_process(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list((tmp_path / "checkpoint").iterdir())
    assert told(trained(tmp_path, die=(0, 0))) == told(whole(COURSE))  # its first epoch is not run again


def test_a_run_from_other_weights_or_numbers_begins_anew(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(KilledError):
        trained(tmp_path, replace(COURSE, rate=0.02), (0, 0))


def test_the_best_epoch_is_kept_and_patience_ends_the_run(tmp_path: Path) -> None:
    scores = iter([0.1, 0.5, 0.9, 0.9, 0.2, 0.3])
    seen: list[bytes] = []

    def judge(judged: Network) -> float:
        assert not judged.training
        assert not torch.is_grad_enabled()
        seen.append(pack(judged))
        return next(scores)

    run = trained(tmp_path, replace(COURSE, epochs=9, patience=3), judge=judge)
    assert (run.score, run.epoch, len(run.curve)) == (0.9, 2, 6)
    assert run.weights == seen[2]  # of two equal scores the earlier


def test_a_network_that_only_gets_worse_comes_back_as_it_began(tmp_path: Path) -> None:
    scores = iter([0.9, 0.5, 0.4, 0.3])
    before = pack(network())
    run = trained(tmp_path, judge=lambda _: next(scores))
    assert (run.epoch, run.weights) == (0, before)


def test_rates_follow_the_schedule(tmp_path: Path) -> None:
    run = trained(tmp_path, replace(COURSE, warmup=0.0, rate=0.01))
    at_end = [0.005 * (1 + np.cos(np.pi * update / 15)) for update in (4, 9, 14)]
    assert [point.rate for point in run.curve] == pytest.approx([0.0, *at_end])


def test_batches_taken_together_are_one_update(tmp_path: Path) -> None:
    """8 accumulated batches of 4 move the weights as one of 32 does; normalisation sees the batch, so its statistics are frozen; no dropout."""
    course = replace(COURSE, epochs=1, freeze_norm=True, warmup=0.0)
    runs = []
    for size in (32, 4):
        plain = find(SMALL_CONV).build("classification", LABELS, SIDE)
        parted = replace(course, batch=size, accumulate=32 // size)
        runs.append(train(plain, Held(64, size), accuracy(), parted, Folder(str(tmp_path / str(size))), quiet, lambda: 0.0))
    one, parts = (find(SMALL_CONV).load(run.weights).state_dict() for run in runs)
    assert max(float((one[name] - parts[name]).abs().max()) for name in one if one[name].is_floating_point()) < 1e-4
    assert runs[0].curve[-1].loss == pytest.approx(runs[1].curve[-1].loss, abs=1e-4)


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_normalisation_keeps_its_statistics(tmp_path: Path, freeze: bool) -> None:
    run = trained(tmp_path, replace(COURSE, epochs=1, freeze_norm=freeze))
    before, after = network().state_dict(), find(SMALL_CONV).load(run.weights).state_dict()
    assert run.epoch == 1
    assert torch.equal(before["body.layers.1.1.running_mean"], after["body.layers.1.1.running_mean"]) is freeze
    assert not torch.equal(before["body.layers.1.1.weight"], after["body.layers.1.1.weight"])


def test_weights_of_frames_count_as_repetition(tmp_path: Path) -> None:
    class Weighed(Held):
        def epoch(self, number: int, skip: int = 0):  # type: ignore[no-untyped-def]
            for batch in super().epoch(number, skip):
                yield replace(batch, weight=torch.where(batch.truth < 5, 2.0, 0.0))

    learner = network()
    train(learner, Weighed(640, 32), accuracy(), replace(COURSE, epochs=3), Folder(str(tmp_path)), quiet, lambda: 0.0)
    images, _ = pictures()
    with torch.no_grad():
        said = learner(torch.from_numpy(images[1400:1600]))[SCORES].argmax(1)
    assert int((said >= 5).sum()) == 0  # frames of weight 0 taught nothing


@pytest.mark.parametrize("where", ["loss", "weights"])
def test_training_that_goes_astray_says_so_and_leaves_no_checkpoint_of_it(tmp_path: Path, where: str) -> None:
    learner = network()
    if where == "loss":
        learner.loss = lambda answers, truth: answers[SCORES].sum(1) * float("nan")  # type: ignore[method-assign]
    else:  # a finite loss whose gradient is not
        learner.loss = lambda answers, truth: torch.sqrt(answers[SCORES].abs().sum(1) * 0.0)  # type: ignore[method-assign]
    with pytest.raises(DivergedError, match=r"the loss is nan at batch 5 of epoch 1|not finite after update|a lower rate"):
        train(learner, Held(COUNT, 32), lambda _: 0.5, COURSE, Folder(str(tmp_path)), quiet, lambda: 0.0)
    assert not (tmp_path / "checkpoint").exists()


def test_bfloat16_learns_and_float16_is_refused_on_a_cpu(tmp_path: Path) -> None:
    course = replace(COURSE, precision="bf16", epochs=2)
    run = train(network(), Held(640, 32), accuracy(), course, Folder(str(tmp_path)), quiet, lambda: 0.0)
    assert run.score > 0.7
    assert {tensor.dtype for tensor in find(SMALL_CONV).load(run.weights).state_dict().values()} == {torch.float32, torch.int64}
    with pytest.raises(ValueError, match="precision is fp16 on cpu, where only fp32 and bf16"):
        trained(tmp_path, replace(COURSE, precision="fp16"))


def test_a_full_disk_ends_the_run_by_name_and_the_next_start_goes_on(tmp_path: Path) -> None:
    course = replace(COURSE, checkpoint_s=0.0)
    with pytest.raises(KilledError):
        trained(tmp_path, course, (1, 2))
    before = sorted(path.name for path in (tmp_path / "checkpoint").iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # a checkpoint has some 1.6 MB
    try:
        with pytest.raises(StoreError, match=r"checkpoint/.* cannot be written: OSError\(27"):
            trained(tmp_path, course)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == before
    assert told(trained(tmp_path, course, (0, 0))) == told(whole(course))


def test_no_batches_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no batches"):
        train(network(), Held(0, 32), accuracy(), COURSE, Folder(str(tmp_path)), quiet, lambda: 0.0)


def test_progress_is_said_once_a_second_with_figures(tmp_path: Path) -> None:
    said: list[tuple[str, float, str, dict[str, float]]] = []
    clock = count(0.0, 0.25)

    def say(step: str, progress: float, detail: str = "", **metrics: float) -> None:
        said.append((step, progress, detail, metrics))

    run = train(network(), Held(COUNT, 32), accuracy(), COURSE, Folder(str(tmp_path)), say, lambda: float(next(clock)))
    assert 3 <= len(said) <= 12
    assert [one[1] for one in said] == sorted(one[1] for one in said)
    assert said[-1][0] == "training"
    assert said[-1][2].startswith("epoch 3 of at most 3; best score ")
    assert said[-1][3].keys() == {"loss", "score", "frames_per_s", "stalled"}
    assert all(np.isfinite(value) for *_, metrics in said for value in metrics.values())
    assert run.device_s == run.seconds > 0
    assert run.curve[0] == Point(0, None, run.curve[0].score, 0.0, 0.0)
