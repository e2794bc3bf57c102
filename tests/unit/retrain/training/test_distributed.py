"""Several processes that train one network: the same curve as one process, through torchrun itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from retrain.training import distributed
from retrain.training.distributed import Place

ROOT = Path(__file__).parents[4]

SCRIPT = """
import json, os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from contracts.files import Folder
from retrain.models.recipe import SMALL_CONV, find
from retrain.training import distributed
from retrain.training.course import Course
from retrain.training.loop import train
from tests.small_pictures import LABELS, SIDE, Held, accuracy

folder, out, die = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "die"
told = []

def before(epoch, step):
    if die and (epoch, step) == (1, 3) and os.environ.get("RANK", "0") == os.environ["DIES"]:
        os.kill(os.getpid(), signal.SIGKILL)

def say(step, progress, detail="", **metrics):
    told.append(step)

clock = iter(range(10**9))
with distributed.joined() as place:
    network = find(SMALL_CONV).build("classification", LABELS, SIDE)
    course = Course(epochs=3, batch=32, rate=0.01, seed=1, freeze_norm=True, checkpoint_s=0.0)
    run = train(network, Held(160, 32, before, place), accuracy(), course, Folder(str(folder)), say, lambda: float(next(clock)))
    found = {"world": place.world, "losses": [p.loss for p in run.curve[1:]], "scores": [p.score for p in run.curve],
             "told": len(told), "weights": {n: t.double().sum().item() for n, t in network.state_dict().items()}, "device": run.device_s / run.seconds}
    (out / f"{place.rank}.json").write_text(json.dumps(found))
"""


def ran(folder: Path, world: int, dies: int | None = None) -> int:
    folder.mkdir(exist_ok=True)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(world)] if world > 1 else []
    (folder / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, *launch, str(folder / "script.py"), str(folder), str(folder), "die" if dies is not None else ""],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "DIES": str(dies)},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0 or dies is not None, done.stderr[-3000:]
    return done.returncode


def answer(folder: Path, rank: int) -> dict:  # type: ignore[type-arg]
    return json.loads((folder / f"{rank}.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.slow
def test_two_processes_learn_as_one_does(tmp_path: Path) -> None:
    ran(tmp_path / "one", 1)
    ran(tmp_path / "two", 2)
    one, first, second = answer(tmp_path / "one", 0), answer(tmp_path / "two", 0), answer(tmp_path / "two", 1)
    assert (one["world"], first["world"], first["device"]) == (1, 2, 2.0)
    assert first["losses"] == pytest.approx(one["losses"], abs=1e-4)
    assert first["scores"] == pytest.approx(one["scores"], abs=0.02)
    assert first["weights"] == second["weights"]
    assert first["losses"] == second["losses"]
    assert (first["told"] > 0, second["told"]) == (True, 0)
    assert one["losses"][-1] < 0.7 * one["losses"][0]


@pytest.mark.slow
@pytest.mark.parametrize("dies", [0, 1])
def test_when_one_is_killed_all_end_and_the_next_start_goes_on(tmp_path: Path, dies: int) -> None:
    ran(tmp_path / "whole", 2)
    assert ran(tmp_path / "killed", 2, dies) != 0
    assert list((tmp_path / "killed" / "checkpoint").iterdir())
    ran(tmp_path / "killed", 2)
    whole, again = answer(tmp_path / "whole", 0), answer(tmp_path / "killed", 0)
    assert again["weights"] == whole["weights"]
    assert again["scores"] == whole["scores"]


def test_alone_without_torchrun() -> None:
    with distributed.joined({}) as place:
        assert place == Place(0, 1) == distributed.place()
        assert place.first
        assert (distributed.mean(3.5, place), distributed.said(2.5, place)) == (3.5, 2.5)
        network = torch.nn.Linear(1, 1)
        assert distributed.shared(network, place) is network
