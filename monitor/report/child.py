"""Runs the process that makes a report: politely, with a time limit, and ended when nobody waits for it any more."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from monitor.report import task as tasks
from monitor.report.task import Task

COMMAND: Final = (sys.executable, "-m", "monitor.report.evidently_page")
LIMIT_S: Final = 240.0
"""Reading takes up to 90 s, Evidently some ten, more on a busy machine at low priority."""
LOOK_S: Final = 0.1
ENVIRONMENT: Final = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "DO_NOT_TRACK": "1",  # Evidently tells its makers of its use otherwise
    "PYTHONWARNINGS": "ignore",
}


def make(task: Task, page: Path, stop: threading.Event, command: Sequence[str] = COMMAND, limit_s: float = LIMIT_S) -> str:
    """Make a report and put it at `page`. Returns "" when it is there, else why not. Ends the process after `limit_s` seconds, or when `stop` is set."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*command, str(page)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **ENVIRONMENT},
        )
        try:
            status = _wait(process, tasks.encode(task), stop, limit_s)
        finally:
            process.kill()
            process.wait()
            _close(process)
        errors.seek(0)
        told = errors.read().decode(errors="replace").strip().splitlines()
    if status is None:
        return "it was stopped with the monitor" if stop.is_set() else f"it took more than {limit_s:g} s and was ended"
    if status == 0:
        return ""
    return told[-1][:1000] if told else f"its process ended with status {status} and said nothing"


def _wait(process: subprocess.Popen[bytes], line: bytes, stop: threading.Event, limit_s: float) -> int | None:
    """The exit status; None when it had to be ended. Standard input stays open while it works: its end tells the process that we are gone."""
    assert process.stdin is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except BrokenPipeError:
        return process.wait()
    for _ in range(int(limit_s / LOOK_S)):
        if stop.is_set():
            return None
        try:
            return process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            continue
    return None


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        try:
            process.stdin.close()
        except BrokenPipeError:
            return
