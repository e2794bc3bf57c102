"""The training process on this host: started in the job's folder, watched, ended; and found again after the service itself was killed.

The child's standard output and error are files in the folder, so that it outlives a killed service and the next one reads on where the last stopped.
It holds an exclusive lock (flock) on the folder through an inherited descriptor: while the lock is held it lives, and no second child can start.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import StoreError, VersionError
from retrain.launch.launcher import Death, Progress
from retrain.request import OUTCOME, CandidateOutcome, Step

CANDIDATE: Final = (sys.executable, "-m", "retrain.trainer.candidate")
STEPS: Final = "steps.jsonl"
STDERR: Final = "stderr.log"
_LOCK: Final = "lock"
_CHILD: Final = "child.json"
_TAIL_BYTES: Final = 4000
_LOOK_S: Final = 0.05
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Child(msgspec.Struct, frozen=True):
    """Which process an attempt is: written before it begins to train."""

    pid: int
    attempt: int


@dataclass(slots=True)
class LocalRun:
    """A training process, ours or found. `process` is None for one that another life of the service started."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    gone: bool = False

    def progress(self, read: int) -> Progress:
        """The complete step lines after `read` bytes; other output among them is left out."""
        try:
            with (self.folder / STEPS).open("rb") as file:
                file.seek(read)
                content = file.read()
        except FileNotFoundError:
            return Progress([], read)
        whole = content[: content.rfind(b"\n") + 1]
        steps = []
        for line in whole.splitlines():
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                steps.append(msgspec.json.decode(line, type=Step))
        return Progress(steps, read + len(whole))

    def ended(self) -> bool:
        """Whether the process is gone."""
        if not self.gone:
            self.gone = self.process.poll() is not None if self.process else not _locked(self.folder)
        return self.gone

    def outcome(self) -> CandidateOutcome | None:
        """What it answered, once it ended; None when it died before."""
        try:
            return msgspec.json.decode((self.folder / OUTCOME).read_bytes(), type=CandidateOutcome)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{self.folder / OUTCOME} cannot be read: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VersionError(f"{self.folder / OUTCOME} is not an outcome we can read: {error}") from error

    def death(self) -> Death:
        """How a process that left no outcome ended."""
        status = self.process.returncode if self.process else None
        if status is None:
            return Death("vanished", "its process ended while the service was away")
        if status < 0:
            told = f"its process was killed by signal {-status} (9 without anybody's doing: out of memory, see the kernel's log)"
            return Death("killed", told)
        return Death("failed", f"its process ended with status {status}; what it said last stands in the log of keepsight-retrain")

    def last_words(self) -> str:
        """The end of its standard error."""
        try:
            with (self.folder / STDERR).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return file.read().decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def stop(self, grace_s: float) -> None:
        """End it in order: SIGTERM to its process group, after `grace_s` SIGKILL. The folder stays, and the job can go on from it."""
        if self.ended():
            return
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while not self.ended() and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        # This end was ours: the next start is the same attempt.
        (self.folder / _CHILD).unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        """Send a signal to its process group, if it still lives."""
        child = _child(self.folder)
        if child is not None and not self.ended():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)


@dataclass(frozen=True, slots=True)
class LocalLauncher:
    """Starts training processes on this host: `command` with the job's folder as its last argument and `threads` for its numerical libraries."""

    command: Sequence[str] = CANDIDATE
    threads: int = 1

    def open(self, folder: str, name: str, attempt: int) -> LocalRun:
        """As in launcher.py. The folder's lock tells whether its process lives, so `name` is not needed."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        with (place / _LOCK).open("ab") as lock:
            if not _take(lock.fileno()):
                return LocalRun(place)
            child = _child(place)
            if (place / OUTCOME).exists() or (child is not None and child.attempt == attempt):
                return LocalRun(place, gone=True)
            return LocalRun(place, self._start(place, attempt, lock.fileno()))

    def _start(self, folder: Path, attempt: int, lock: int) -> subprocess.Popen[bytes]:
        (folder / _CHILD).unlink(missing_ok=True)  # never a dead attempt's number beside a living process
        with (folder / STEPS).open("ab") as steps, (folder / STDERR).open("ab") as stderr:
            process = subprocess.Popen(
                [*self.command, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=steps,
                stderr=stderr,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C on a terminal reaches the service alone, which stops its child in order
                env={**os.environ, **self._environment()},
            )
        (folder / _CHILD).write_bytes(msgspec.json.encode(Child(process.pid, attempt)))
        return process

    def _environment(self) -> Mapping[str, str]:
        return {**dict.fromkeys(_THREAD_VARIABLES, str(self.threads)), "PYTHONUNBUFFERED": "1"}


def _child(folder: Path) -> Child | None:
    try:
        return msgspec.json.decode((folder / _CHILD).read_bytes(), type=Child)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _locked(folder: Path) -> bool:
    with (folder / _LOCK).open("ab") as lock:
        return not _take(lock.fileno())


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
