"""Genuine Kafka brokers for tests, started by the launcher that KEEPSIGHT_TEST_KAFKA_LAUNCHER names, at most once a test run and kind.

`cluster(brokers, secure)` gives one with faults on command; without a launcher tests skip by name, or fail when KEEPSIGHT_REQUIRE_ALL=1 says that
nothing may be skipped. KEEPSIGHT_TEST_KAFKA=host:port lends a running broker instead, for what needs no faults.
"""

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

LAUNCHER = "KEEPSIGHT_TEST_KAFKA_LAUNCHER"
RUNNING = "KEEPSIGHT_TEST_KAFKA"


class Cluster:
    """A launcher with its brokers. `facts` is the JSON line that it printed when all of them answered."""

    def __init__(self, launcher: Path, brokers: int, secure: bool) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="keepsight-kafka-"))
        options = ["--data", str(self._folder), "--brokers", str(brokers), "--control", *(["--secure"] if secure else [])]
        self._errors = (self._folder / "launcher.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, str(launcher), *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        atexit.register(self.stop)
        self.facts = self._answer()

    @property
    def servers(self) -> list[str]:
        """The plain listeners, host:port."""
        return str(self.facts["bootstrap"]).split(",")

    @property
    def secure_servers(self) -> list[str]:
        """The listeners with TLS and SASL."""
        return str(self.facts["secure"]["bootstrap"]).split(",")

    def command(self, verb: str, broker: int) -> None:
        """kill, stop, start, pause or resume one broker, and wait until it is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {broker}\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert "done" in answer, answer

    def stop(self) -> None:
        """End the launcher, and every broker with it."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = (self._folder / "launcher.log").read_text()[-2000:]
            raise RuntimeError(f"the Kafka launcher ended without an answer: {said}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@functools.cache
def _started(launcher: str, brokers: int, secure: bool) -> Cluster:
    return Cluster(Path(launcher), brokers, secure)


def cluster(brokers: int = 1, secure: bool = False) -> Cluster:
    """The run's cluster of this kind, started now if need be. Skips or fails the test when there is no launcher."""
    launcher = os.environ.get(LAUNCHER)
    if not launcher:
        missing(f"set {LAUNCHER} to a launcher of genuine Kafka brokers")
    return _started(str(launcher), brokers, secure)


def running() -> str | None:
    """host:port of a broker that somebody else runs, if one was lent."""
    return os.environ.get(RUNNING) or None


def missing(what: str) -> None:
    """Skip the test for want of `what`; fail it when nothing may be skipped."""
    if os.environ.get("KEEPSIGHT_REQUIRE_ALL") == "1":
        pytest.fail(f"KEEPSIGHT_REQUIRE_ALL=1, but: {what}")
    pytest.skip(what)
