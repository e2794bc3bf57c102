"""Starts a training process on this host, finds it again after a restart of the service, and ends it in order.

The child runs in a session of its own and writes its step lines into a file, so that it outlives a killed service and the next one reads on where the last
stopped. It holds an exclusive lock (flock) on the folder through an inherited descriptor: while the lock is held it lives, and no second child can start.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import StoreError
from retrain.launch.launcher import Death, Progress
from retrain.launch.torchrun import spread
from retrain.launch.trail import STDERR, STEPS, Trail
from retrain.request import CandidateOutcome

CANDIDATE: Final = (sys.executable, "-m", "retrain.trainer.candidate")
_LOCK: Final = "lock"
_CHILD: Final = "child.json"
_LOOK_S: Final = 0.05
_REAP_S: Final = 5.0
"""How long a killed process is waited for: one that hangs in the kernel may take longer, and keeps its lock."""
_THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_BEGIN: Final = 'printf "%s%d}" "$1" "$$" >"$0.new" && mv "$0.new" "$0" && shift && exec "$@"'
"""The child writes its own number, so that it is known wherever the service is killed, and then becomes what was asked for."""


class Child(msgspec.Struct, frozen=True):
    """Which process goes by a name, and on which host: written before it begins to train."""

    pid: int
    name: str = ""
    host: str = ""
    """Empty: a release that did not say it began it, on this one."""


@dataclass(slots=True)
class LocalRun:
    """A training process, ours or found. `process` is None for one that another life of the service started."""

    trail: Trail
    process: subprocess.Popen[bytes] | None = None
    gone: bool = False

    def ended(self) -> bool:
        """Whether the process is gone."""
        if not self.gone:
            self.gone = self.process.poll() is not None if self.process else not _locked(self.trail.folder)
        return self.gone

    def waits(self) -> str:
        """It begins when it is started."""
        return ""

    def progress(self, read: int) -> Progress:
        """The steps after `read` bytes."""
        return self.trail.progress(read)

    def outcome(self) -> CandidateOutcome | None:
        """What it answered, once it ended; None when it died before."""
        return self.trail.outcome()

    def death(self) -> Death:
        """How a process that left no outcome ended."""
        status = self.process.returncode if self.process else None
        if status is None:
            return Death("vanished", "its process ended while the service was away")
        if status == -signal.SIGTERM:
            return Death("disrupted", "its process was ended from outside by SIGTERM: the host goes down, or a person ended it")
        if status < 0:
            told = f"its process was killed by signal {-status} (9 without anybody's doing: out of memory, see the kernel's log)"
            return Death("killed", told)
        return Death("failed", f"its process ended with status {status}; what it said last stands in the log of keepsight-retrain")

    def last_words(self) -> str:
        """The end of its standard error."""
        return self.trail.last_words()

    def stop(self, grace_s: float) -> None:
        """End it in order: SIGTERM to its process group, after `grace_s` SIGKILL. The folder stays, and the job can go on from it."""
        if self.ended():
            return
        self.signal(signal.SIGTERM)
        if not self._ends_within(grace_s):
            self.signal(signal.SIGKILL)
            self._ends_within(_REAP_S)
        self._forget()

    def abandon(self, grace_s: float) -> None:
        """It ends with the service of its host: the one that follows may be on another.

        Where both are told to stop at once, as systemd does, it may have ended before: that end is not its own either.
        """
        self.stop(grace_s)
        self._forget()

    def signal(self, number: int) -> None:
        """Send a signal to its process group, if it still lives. One of another host, on a shared disk, is out of reach."""
        child = _child(self.trail.folder)
        found = child.pid if child is not None and child.host in ("", socket.gethostname()) else None
        pid = self.process.pid if self.process is not None else found
        if pid is not None and not self.ended():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_S)
        return True

    def _forget(self) -> None:
        """This end was ours: the next start goes by the same name."""
        if self.ended():
            (self.trail.folder / _CHILD).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class LocalLauncher:
    """Starts training processes on this host: `command` with the job's folder as its last argument and `threads` for its numerical libraries.

    With several `devices` as many processes train together, under torchrun.
    """

    command: Sequence[str] = CANDIDATE
    threads: int = 1
    devices: int = 1

    def open(self, folder: str, name: str) -> LocalRun:
        """As in launcher.py; `folder` is a path."""
        place = Path(folder)
        with _answering(place):
            place.mkdir(parents=True, exist_ok=True)
            with (place / _LOCK).open("ab") as lock:
                if not _take(lock.fileno()):
                    return LocalRun(Trail(place))
                child = _child(place)
                if Trail(place).answered() or (child is not None and child.name == name):
                    return LocalRun(Trail(place), gone=True)
                return LocalRun(Trail(place), self._start(place, name, lock.fileno()))

    def find(self, folder: str, name: str) -> LocalRun | None:
        """As in launcher.py: whoever holds the folder's lock, unless it goes by another name."""
        place = Path(folder)
        with _answering(place):
            if not place.is_dir() or not _locked(place):
                return None
            child = _child(place)
            return LocalRun(Trail(place)) if child is None or child.name in ("", name) else None

    def _start(self, folder: Path, name: str, lock: int) -> subprocess.Popen[bytes]:
        (folder / _CHILD).unlink(missing_ok=True)  # never a dead process's number beside a living one
        with (folder / STEPS).open("ab") as steps, (folder / STDERR).open("ab") as stderr:
            told = msgspec.json.encode({"name": name, "host": socket.gethostname(), "pid": 0}).decode().removesuffix("0}")
            return subprocess.Popen(
                ["/bin/sh", "-c", _BEGIN, str(folder / _CHILD), told, *spread(self.command, self.devices), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=steps,
                stderr=stderr,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C on a terminal reaches the service alone, which stops its child in order
                env={**os.environ, **self._environment()},
            )

    def _environment(self) -> Mapping[str, str]:
        return {**dict.fromkeys(_THREAD_VARIABLES, str(self.threads)), "PYTHONUNBUFFERED": "1"}


def _child(folder: Path) -> Child | None:
    try:
        return msgspec.json.decode((folder / _CHILD).read_bytes(), type=Child)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _locked(folder: Path) -> bool:
    with _answering(folder), (folder / _LOCK).open("ab") as lock:
        return not _take(lock.fileno())


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _answering(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"a training process cannot be started or looked after in {folder}: {error}") from error
