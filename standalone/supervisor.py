"""Runs the services as processes: starts them, waits until they are ready, notices deaths, and stops them in the order in which nothing is lost.

Each is a process group of its own, so that Ctrl-C reaches the supervisor alone, which then stops serving first (no new events), monitor next and retrain
last. `demo` treats a death as its failure; `up` starts the service again, later and later.
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from contracts.errors import KeepsightError

LEASH: Final = Path(__file__).with_name("leash.py")
ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Each service says itself how many threads it wants; libraries that start pools at import would spin on shared cores."""
BACKOFF_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_S: Final = 60.0
"""A service that ran this long before it died begins again with the shortest wait."""
STOP_S: Final = 30.0
"""A service that has not stopped by itself after this is killed. Longer than any drain of theirs."""

Name = Literal["serving", "monitor", "retrain"]


class ServiceError(KeepsightError):
    """A service did not start, or died. The message has the last lines of its log and says where the rest is."""


@dataclass(frozen=True, slots=True)
class Service:
    """What to run, where it answers, and where its log goes."""

    name: Name
    arguments: tuple[str, ...]
    address: str
    """`host:port` of its HTTP side."""
    log: Path
    page: str = ""
    """The path that a person opens there in a browser."""


@dataclass(slots=True)
class _Running:
    service: Service
    process: subprocess.Popen[bytes]
    since: float
    deaths: int = 0
    again_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """The services of one house, in the order in which they stop. One thread calls it: the kernel ties children to the thread that made them."""

    services: Sequence[Service]
    environment: Mapping[str, str] = field(default_factory=dict)
    _running: dict[str, _Running] = field(default_factory=dict)

    def start(self) -> None:
        """Start them all, the last to stop first."""
        for service in reversed(self.services):
            self._running[service.name] = _Running(service, self._spawn(service), time.monotonic())

    def wait_ready(self, timeout_s: float, keep_waiting: Callable[[], None] = lambda: None) -> None:
        """Return when all answer /readyz with 200. Raises ServiceError when one dies or the time is over."""
        deadline = time.monotonic() + timeout_s
        for service in self.services:
            while (reason := readiness(service)) is not None:
                self.check()
                if time.monotonic() > deadline:
                    raise ServiceError(f"{service.name} was not ready within {timeout_s:g} s: {reason}.{_last_lines(service.log)}")
                keep_waiting()
                time.sleep(0.1)

    def check(self) -> None:
        """Raise ServiceError if a service has died."""
        for running in self._running.values():
            if (status := running.process.poll()) is not None:
                raise ServiceError(f"{running.service.name} {_how(status)}.{_last_lines(running.service.log)}")

    def refuse_status(self, refused: int) -> None:
        """Raise ServiceError if a service ended with this status."""
        for running in self._running.values():
            if running.process.poll() == refused:
                raise ServiceError(f"{running.service.name} does not start.{_last_lines(running.service.log, 2)}")

    def revive(self, say: Callable[[str], None]) -> None:
        """Start again what has died, after a wait that grows with each death; `say` what is done."""
        now = time.monotonic()
        for running in self._running.values():
            status = running.process.poll()
            if status is None:
                continue
            if running.again_at is None:
                running.deaths = 1 if now - running.since > STEADY_S else running.deaths + 1
                wait_s = BACKOFF_S[min(running.deaths, len(BACKOFF_S)) - 1]
                running.again_at = now + wait_s
                say(
                    f"{running.service.name} {_how(status)}; starting it again in {wait_s:g} s.{_last_lines(running.service.log, 3)}"
                )
            elif now >= running.again_at:
                running.process, running.since, running.again_at = self._spawn(running.service), now, None
                say(f"{running.service.name} is started again")

    def stop(self) -> list[str]:
        """Stop in order, each with SIGTERM and patience. Returns what went wrong, [] when all ended by themselves with status 0 or had begun nothing.

        A KeyboardInterrupt (the second Ctrl-C) kills the rest at once and is raised again.
        """
        wrong = []
        try:
            for service in self.services:
                running = self._running.pop(service.name, None)
                if running is not None and (trouble := _stop(running.process)):
                    wrong.append(f"{service.name} {trouble}, see {service.log}")
        except KeyboardInterrupt:
            self.kill()
            raise
        return wrong

    def kill(self) -> None:
        """End everything now, whatever is lost."""
        for running in self._running.values():
            _signal(running.process, signal.SIGKILL)
            running.process.wait()
        self._running.clear()

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        service.log.parent.mkdir(parents=True, exist_ok=True)
        # -P: the folder of leash.py stays off the path, where a module of ours could pass for one of the standard library's
        command = [sys.executable, "-S", "-P", str(LEASH), str(os.getpid()), service.name, *service.arguments]
        with service.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **ONE_THREAD, **self.environment},
                start_new_session=True,
            )


def readiness(service: Service, timeout_s: float = 2.0) -> str | None:
    """None when a service answers /readyz with 200, else why it is not ready."""
    try:
        with urllib.request.urlopen(f"http://{service.address}/readyz", timeout=timeout_s):
            return None
    except urllib.error.HTTPError as error:
        return _reason(error.read(500).decode(errors="replace"))
    except OSError as error:
        return f"no answer on {service.address} ({error})"


def _reason(said: str) -> str:
    """What a service that is not ready says of itself, else its answer as it is."""
    try:
        return str(json.loads(said)["reason"])
    except (ValueError, KeyError, TypeError):
        return said


def _stop(process: subprocess.Popen[bytes]) -> str:
    """SIGTERM, patience, then SIGKILL. Returns what was wrong with the end, or nothing."""
    if (status := process.poll()) is not None:
        return _how(status)
    _signal(process, signal.SIGTERM)
    try:
        status = process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()
        return f"did not stop within {STOP_S:g} s and was killed"
    # A service that SIGTERM itself ends had not come to listen for it: it was still loading, and had begun nothing.
    return "" if status in (0, -signal.SIGTERM) else _how(status)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the whole group when killing, so that no child of a service stays; a stop goes to the service alone, which stops its own."""
    try:
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
    except ProcessLookupError:
        return


def _how(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _last_lines(log: Path, count: int = 8) -> str:
    """The end of a log, for a message."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    shown = "".join(f"\n    {line[:400]}" for line in lines)
    return f" Its last lines, of {log}:{shown}" if shown else f" Its log {log} is empty"
