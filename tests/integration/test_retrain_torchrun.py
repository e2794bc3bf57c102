"""Two processes that train together under torchrun, on this host's CPUs: one answer, one end, and none left behind when torchrun is killed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retrain.launch.local import LocalLauncher, LocalRun

DEADLINE_S = 90.0
TOGETHER = """
import json, os, sys, time
from pathlib import Path
from retrain.training import distributed

folder = Path(sys.argv[1])
with distributed.joined() as where:
    (folder / f"rank-{where.rank}").write_text(str(os.getpid()))
    mean = distributed.mean(float(where.rank), where)
    if where.first:
        print(json.dumps({"step": f"{where.world} processes, mean {mean:g}", "progress": 0.5}), flush=True)
    while (folder / "wait").exists():
        time.sleep(0.05)
    if where.first:
        (folder / "outcome.json").write_text('{"verdict": "rejected", "reason": "a test"}')
"""


def until(condition: Callable[[], object], run: LocalRun) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, run.last_words()
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalRun]:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    (tmp_path / "wait").touch()
    run = LocalLauncher((sys.executable, "-c", TOGETHER), devices=2).open(str(tmp_path), "1")
    yield run
    run.stop(30.0)


@pytest.mark.slow
def test_two_processes_answer_as_one(run: LocalRun, tmp_path: Path) -> None:
    until(lambda: run.progress(0).steps, run)
    (tmp_path / "wait").unlink()
    until(run.ended, run)
    assert [step.step for step in run.progress(0).steps] == ["2 processes, mean 0.5"]
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.reason == "a test"


def test_no_process_outlives_torchrun(run: LocalRun, tmp_path: Path) -> None:
    until(lambda: run.progress(0).steps, run)
    workers = [int((tmp_path / f"rank-{rank}").read_text()) for rank in range(2)]
    assert all(alive(pid) for pid in workers)
    assert run.process is not None
    os.kill(run.process.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in workers), run)
    until(run.ended, run)  # the kernel ends its children before it says so
    assert run.death().kind == "killed"
