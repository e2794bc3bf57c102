"""One service as its own process, as in production: started, killed, frozen, stopped; asked for its readiness and its metrics."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from standalone.supervisor import ONE_THREAD

ROOT: Final = Path(__file__).parents[2]
STARTS_S: Final = 60.0
STOPS_S: Final = 90.0
"""What docs/operating-serving.md asks an orchestrator to grant."""
Series = Mapping[str, list[tuple[dict[str, str], float]]]


class NotAsItShouldError(Exception):
    """A service did not start or stop, and its last words."""


class Service:
    """`python -m module --settings FILE`, on a port of its own. `life` counts its starts, `deaths` says what nobody had ordered."""

    def __init__(self, name: str, module: str, settings: Path, port: int, log: Path) -> None:
        self.name, self.module, self.port, self.log = name, module, port, log
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.life = 0
        self.deaths: list[str] = []

    @property
    def pid(self) -> int:
        """Of the process that lives now; 0 without one."""
        return self._process.pid if self._process is not None else 0

    def start(self, ahead_s: float = 0.0) -> None:
        """Start, without waiting, with a clock so many seconds ahead."""
        module = ["benchmarks.faults.ahead", str(ahead_s), self.module] if ahead_s else [self.module]
        command = [sys.executable, "-m", *module, "--settings", str(self._settings)]
        variables = {name: value for name, value in os.environ.items() if not name.startswith("KEEPSIGHT_")}
        self.life += 1
        with self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=variables | ONE_THREAD,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Until /readyz says 200. Raises NotAsItShouldError."""
        deadline = time.monotonic() + STARTS_S
        while not self.ready():
            self.look()
            if self._process is None or time.monotonic() > deadline:
                raise NotAsItShouldError(f"{self.name} is not ready after {STARTS_S:g} s: {self._last_words()}")
            time.sleep(0.1)

    def look(self) -> None:
        """Notice a death that nobody ordered: it is written down, and the process started again as a supervisor would."""
        if self._process is not None and (status := self._process.poll()) is not None:
            self.deaths.append(f"{self.name} ended by itself with {status}: {self._last_words()[-200:]}")
            self.start()

    def kill(self) -> None:
        """SIGKILL, to its children too."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> int:
        """SIGTERM, and the exit status. Raises NotAsItShouldError when it does not end within STOPS_S."""
        process = self._process
        if process is None:
            return 0
        process.terminate()
        try:
            status = process.wait(STOPS_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NotAsItShouldError(f"{self.name} did not stop within {STOPS_S:g} s: {self._last_words()}") from None
        self._process = None
        return status

    def freeze(self) -> None:
        """SIGSTOP."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def ready(self) -> bool:
        """Whether /readyz says 200."""
        return self._ask("/readyz") is not None

    def scrape(self) -> Series:
        """Its metrics by the name of their samples; none while it does not answer."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self._ask("/metrics") or ""):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def said(self, event: str) -> list[dict[str, object]]:
        """The lines of its log with this event name, of all its lives."""
        return [line for line in self._lines(0) if line["event"] == event]

    def log_bytes(self) -> int:
        """How long its log is."""
        return self.log.stat().st_size if self.log.exists() else 0

    def warned_since(self, begun: int) -> list[str]:
        """The names of warnings and errors in its log beyond `begun` bytes, each once."""
        return list(dict.fromkeys(str(line["event"]) for line in self._lines(begun) if line.get("level") in ("warning", "error")))

    def _lines(self, begun: int) -> list[dict[str, object]]:
        content = self.log.read_bytes()[begun:] if self.log.exists() else b""
        return [json.loads(line) for line in content.splitlines() if line.startswith(b"{") and line.endswith(b"}")]

    def _ask(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (OSError, urllib.error.HTTPError):
            return None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def _last_words(self) -> str:
        return self.log.read_text(errors="replace").strip()[-600:] if self.log.exists() else "no log"


def total(series: Series, name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels."""
    return sum(value for found, value in series.get(name, []) if labels.items() <= found.items())
