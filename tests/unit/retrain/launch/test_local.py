"""The training process: started once, found again, read to its last line, ended in order, and its death told."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import StoreError, VersionError
from retrain.launch.local import LocalLauncher, LocalRun

DEADLINE_S = 60.0
WAITING = """
import os, sys, time
folder = sys.argv[1]
print('{"step": "wait", "progress": 0.5}', flush=True)
while not os.path.exists(folder + "/go"):
    time.sleep(0.02)
open(folder + "/outcome.json", "w").write('{"verdict": "rejected", "reason": "a test"}')
"""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def launcher(code: str) -> LocalLauncher:
    return LocalLauncher((sys.executable, "-c", code))


def finished(code: str, folder: Path) -> LocalRun:
    run = launcher(code).open(str(folder), "a", 1)
    until(run.ended)
    return run


def test_steps_and_outcome(tmp_path: Path) -> None:
    run = launcher(WAITING).open(str(tmp_path), "a", 1)
    until(lambda: run.progress(0).steps)
    assert not run.ended()
    (tmp_path / "go").touch()
    until(run.ended)
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.reason == "a test"


def test_a_second_start_finds_the_first_alive_and_a_third_finds_what_it_left(tmp_path: Path) -> None:
    first = launcher(WAITING).open(str(tmp_path), "a", 1)
    until(lambda: first.progress(0).steps)
    second = launcher(WAITING).open(str(tmp_path), "a", 1)
    assert second.process is None
    assert not second.ended()
    (tmp_path / "go").touch()
    until(first.ended)
    until(second.ended)
    assert second.outcome() is not None
    third = launcher(WAITING).open(str(tmp_path), "a", 1)
    assert third.ended()
    assert len(third.progress(0).steps) == 1


def test_lines_are_read_once_and_only_whole(tmp_path: Path) -> None:
    run = LocalRun(tmp_path, gone=True)
    assert run.progress(0) == ([], 0)
    line = json.dumps({"step": "data", "progress": 0.1}) + "\n"
    (tmp_path / "steps.jsonl").write_text(line + "a library speaks\n" + '{"step": "tr')
    steps, read = run.progress(0)
    assert [step.step for step in steps] == ["data"]
    with (tmp_path / "steps.jsonl").open("a") as file:
        file.write('ain", "progress": 0.2}\n')
    assert [step.step for step in run.progress(read).steps] == ["train"]


def test_how_it_died(tmp_path: Path) -> None:
    killed = finished("import os; os.kill(os.getpid(), 9)", tmp_path / "a")
    assert killed.outcome() is None
    assert killed.death().kind == "killed"
    assert "killed by signal 9 (9 without anybody's doing: out of memory" in killed.death().detail
    failed = finished("raise SystemExit('no more disk')", tmp_path / "b")
    assert failed.death().kind == "failed"
    assert "ended with status 1" in failed.death().detail
    assert failed.last_words() == "no more disk"


def test_an_attempt_that_died_while_we_were_away_is_not_begun_again_under_its_number(tmp_path: Path) -> None:
    finished("pass", tmp_path)
    again = launcher(WAITING).open(str(tmp_path), "a", 1)
    assert again.ended()
    assert again.death().kind == "vanished"
    assert "while the service was away" in again.death().detail
    second = launcher(WAITING).open(str(tmp_path), "a", 2)
    assert not second.ended()
    second.stop(DEADLINE_S)


def test_stopped_in_order_the_same_attempt_may_begin_again(tmp_path: Path) -> None:
    run = launcher(WAITING).open(str(tmp_path), "a", 1)
    until(lambda: run.progress(0).steps)
    run.stop(DEADLINE_S)
    assert run.ended()
    again = launcher(WAITING).open(str(tmp_path), "a", 1)
    assert again.process is not None
    found = launcher(WAITING).open(str(tmp_path), "a", 1)
    until(lambda: len(found.progress(0).steps) == 2)
    found.stop(DEADLINE_S)  # another life's child is ended as well
    until(again.ended)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(\'{"step": "x", "progress": 0}\', flush=True); time.sleep(600)'
    run = launcher(code).open(str(tmp_path), "a", 1)
    until(lambda: run.progress(0).steps)
    run.stop(0.1)
    assert run.process is not None
    assert run.process.returncode == -signal.SIGKILL


def test_an_outcome_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "outcome.json").write_text("{")
    with pytest.raises(VersionError, match=r"outcome\.json is not an outcome we can read"):
        LocalRun(tmp_path, gone=True).outcome()
    (tmp_path / "outcome.json").unlink()
    (tmp_path / "outcome.json").mkdir()
    with pytest.raises(StoreError, match=r"outcome\.json cannot be read"):
        LocalRun(tmp_path, gone=True).outcome()


def test_threads_are_set_for_the_numerical_libraries(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps({'step': os.environ['OMP_NUM_THREADS'], 'progress': 0}))"
    run = LocalLauncher((sys.executable, "-c", code), threads=3).open(str(tmp_path), "a", 1)
    until(run.ended)
    assert run.progress(0).steps[0].step == "3"
    assert os.environ.get("OMP_NUM_THREADS") != "3"
