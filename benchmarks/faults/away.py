"""How a log goes away: the embedded one's write lock is held by another process; a Kafka cluster of the run's own has its broker killed and started."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from contracts.errors import SettingsError
from contracts.log_embedded_store import FILE_NAME
from tests.kafka_cluster import LAUNCHER, Cluster

_HOLD: Final = """
import sqlite3, sys
log = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
log.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
log.execute("ROLLBACK")
"""


class Away(Protocol):
    """A log that can be made to go away."""

    about: str

    def gone(self) -> AbstractContextManager[None]:
        """Away while the body runs."""


class Locked:
    """The embedded log in `folder`."""

    about = "another process holds the embedded log's write lock: every publish fails"

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Away while the body runs."""
        holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(self._file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != b"held\n":
                raise RuntimeError("the log's write lock was not to be had within a minute")
            yield
        finally:
            holder.communicate()


class Killed:
    """A cluster's only broker."""

    about = "SIGKILL to the only Kafka broker, started again when healed"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Away while the body runs."""
        self._cluster.command("kill", 1)
        try:
            yield
        finally:
            self._cluster.command("start", 1)


def launched() -> Cluster:
    """One genuine broker of the run's own. Raises SettingsError where nobody says how to start it."""
    if not (launcher := os.environ.get(LAUNCHER)):
        raise SettingsError(f"--log kafka needs a launcher of genuine Kafka brokers: name it in {LAUNCHER}")
    return Cluster(Path(launcher), 1, False)
