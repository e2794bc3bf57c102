"""The loop on a GPU: mixed precision, a killed run, and two precisions that learn the same. Without one every test here is skipped by name."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from contracts.files import Folder
from retrain.models.export import by_torch
from retrain.models.recipe import SMALL_CONV, find
from retrain.training import distributed
from retrain.training.course import Course, Precision
from retrain.training.learner import precision
from retrain.training.loop import Trained, train
from tests.small_pictures import LABELS, SIDE, Held, accuracy, frames

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")]
COURSE = Course(epochs=3, batch=32, rate=0.01, seed=1, checkpoint_s=0.0)


class KilledError(BaseException):
    """Stands for SIGKILL."""


def trained(folder: Path, course: Course, die: tuple[int, int] | None = None) -> Trained:
    def before(epoch: int, step: int) -> None:
        if (epoch, step) == die:
            raise KilledError

    network = find(SMALL_CONV).build("classification", LABELS, SIDE).to("cuda")
    return train(network, Held(1280, 32, before), accuracy(), course, Folder(str(folder)), lambda *_, **__: None, lambda: 0.0)


@pytest.mark.parametrize("kind", ["fp32", "bf16", "fp16"])
def test_it_learns_in_every_precision_and_goes_on_after_a_kill(tmp_path: Path, kind: Precision) -> None:
    course = replace(COURSE, precision=kind)
    whole = trained(tmp_path / "whole", course)
    with pytest.raises(KilledError):
        trained(tmp_path / "killed", course, (1, 20))
    again = trained(tmp_path / "killed", course)
    assert whole.score > 0.9
    assert again.score == pytest.approx(whole.score, abs=0.05)
    assert whole.peak_mib > 1.0


def test_what_is_trained_on_the_gpu_answers_the_same_on_the_cpu(tmp_path: Path) -> None:
    run = trained(tmp_path, replace(COURSE, precision=precision(torch.device("cuda"))))
    network = find(SMALL_CONV).load(run.weights)
    on_cpu = by_torch(network, frames(32))[1]
    assert abs(by_torch(network.to("cuda"), frames(32))[1] - on_cpu).max() < 1e-2


def test_one_process_of_several_uses_nccl(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}.items():
        monkeypatch.setenv(name, value)
    torch.distributed.init_process_group("nccl", world_size=1, rank=0)
    try:
        assert distributed.mean(2.0, distributed.place()) == 2.0
    finally:
        torch.distributed.destroy_process_group()
