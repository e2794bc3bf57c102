"""The training process: started once, found again, read to its last line, ended in order, and its death told."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import StoreError
from retrain.launch import local
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
    run = launcher(code).open(str(folder), "1")
    until(run.ended)
    return run


def test_steps_and_outcome(tmp_path: Path) -> None:
    run = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: run.progress(0).steps)
    assert not run.ended()
    (tmp_path / "go").touch()
    until(run.ended)
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.reason == "a test"


def test_a_second_start_finds_the_first_alive_and_a_third_finds_what_it_left(tmp_path: Path) -> None:
    first = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: first.progress(0).steps)
    second = launcher(WAITING).open(str(tmp_path), "1")
    assert second.process is None
    assert not second.ended()
    (tmp_path / "go").touch()
    until(first.ended)
    until(second.ended)
    assert second.outcome() is not None
    third = launcher(WAITING).open(str(tmp_path), "1")
    assert third.ended()
    assert len(third.progress(0).steps) == 1


def test_how_it_died(tmp_path: Path) -> None:
    killed = finished("import os; os.kill(os.getpid(), 9)", tmp_path / "a")
    assert killed.outcome() is None
    assert killed.death().kind == "killed"
    assert "killed by signal 9 (9 without anybody's doing: out of memory" in killed.death().detail
    failed = finished("raise SystemExit('no more disk')", tmp_path / "b")
    assert failed.death().kind == "failed"
    assert "ended with status 1" in failed.death().detail
    assert failed.last_words() == "no more disk"


def test_ended_by_sigterm_from_outside_it_was_disrupted(tmp_path: Path) -> None:
    run = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: run.progress(0).steps)
    assert run.process is not None
    run.process.send_signal(signal.SIGTERM)
    until(run.ended)
    assert run.death().kind == "disrupted"


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be started or looked after in .*file/job: .*Not a directory"):
        launcher(WAITING).open(str(tmp_path / "file" / "job"), "1")


def test_an_attempt_that_died_while_we_were_away_is_not_begun_again_under_its_number(tmp_path: Path) -> None:
    finished("pass", tmp_path)
    again = launcher(WAITING).open(str(tmp_path), "1")
    assert again.ended()
    assert again.death().kind == "vanished"
    assert "while the service was away" in again.death().detail
    second = launcher(WAITING).open(str(tmp_path), "2")
    assert not second.ended()
    second.stop(DEADLINE_S)


def test_stopped_in_order_the_same_attempt_may_begin_again(tmp_path: Path) -> None:
    run = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: run.progress(0).steps)
    run.stop(DEADLINE_S)
    assert run.ended()
    again = launcher(WAITING).open(str(tmp_path), "1")
    assert again.process is not None
    found = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: len(found.progress(0).steps) == 2)
    found.stop(DEADLINE_S)  # another life's child is ended as well
    until(again.ended)


def test_ended_together_with_the_service_the_same_attempt_may_begin_again(tmp_path: Path) -> None:
    run = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: run.progress(0).steps)
    assert run.process is not None
    run.process.send_signal(signal.SIGTERM)
    until(run.ended)
    run.abandon(DEADLINE_S)
    again = launcher(WAITING).open(str(tmp_path), "1")
    assert not again.ended()
    again.stop(DEADLINE_S)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(\'{"step": "x", "progress": 0}\', flush=True); time.sleep(600)'
    run = launcher(code).open(str(tmp_path), "1")
    until(lambda: run.progress(0).steps)
    run.stop(0.1)
    assert run.process is not None
    assert run.process.returncode == -signal.SIGKILL


def test_threads_are_set_for_the_numerical_libraries(tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps({'step': os.environ['OMP_NUM_THREADS'], 'progress': 0}))"
    run = LocalLauncher((sys.executable, "-c", code), threads=3).open(str(tmp_path), "1")
    until(run.ended)
    assert run.progress(0).steps[0].step == "3"
    assert os.environ.get("OMP_NUM_THREADS") != "3"


def test_what_is_to_end_is_found_while_it_lives_and_nothing_is_started(tmp_path: Path) -> None:
    found = launcher(WAITING).find(str(tmp_path / "never"), "1")
    assert found is None
    first = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: first.progress(0).steps)
    assert launcher(WAITING).find(str(tmp_path), "2") is None
    found = launcher(WAITING).find(str(tmp_path), "1")
    assert found is not None
    found.stop(DEADLINE_S)
    assert found.ended()
    assert first.process is not None
    assert first.process.wait(DEADLINE_S) == -signal.SIGTERM
    assert launcher(WAITING).find(str(tmp_path), "1") is None


def test_its_number_is_written_by_the_process_itself_before_it_trains(tmp_path: Path) -> None:
    """A service that is killed while it starts one can write nothing any more."""
    run = finished("import sys; open(sys.argv[1] + '/saw', 'w').write(open(sys.argv[1] + '/child.json').read())", tmp_path)
    assert run.process is not None
    expected = {"name": "1", "host": socket.gethostname(), "pid": run.process.pid}
    assert json.loads((tmp_path / "saw").read_text()) == expected


def test_a_process_of_another_host_is_never_signalled_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared disk its number may be anybody's on this one."""
    monkeypatch.setattr(local, "_REAP_S", 0.1)
    first = launcher(WAITING).open(str(tmp_path), "1")
    until(lambda: first.progress(0).steps)
    child = json.loads((tmp_path / "child.json").read_text())
    (tmp_path / "child.json").write_text(json.dumps({**child, "host": "another"}))
    found = launcher(WAITING).find(str(tmp_path), "1")
    assert found is not None
    found.signal(signal.SIGKILL)
    found.stop(0.0)
    assert not found.ended()
    assert (tmp_path / "child.json").exists()
    first.stop(DEADLINE_S)
    assert found.ended()
