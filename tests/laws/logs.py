"""The logs under law: for each adapter how to open it, how to take it away and bring it back, and how to open it in another process."""

import itertools
import json
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from contracts.log_embedded import EmbeddedBus
from contracts.log_embedded_store import FILE_NAME
from contracts.ports import Bus, Outgoing, Reader, Record, TopicSpec
from tests.kafka_cluster import Cluster

DEADLINE_S = 60.0
"""How long anything may take before a law is broken: generous, for loaded machines; nothing waits longer than it must."""
PATIENT_S = 30.0
"""The test's own members are never taken for dead, however loaded the machine is."""
KILLED_S = {"embedded": 2.0, "kafka": 6.0}
"""The silence allowed to the processes that get killed: the least that a broker grants."""
_ROOT = Path(__file__).parents[2]
_NUMBERS = itertools.count()


def open_log(kind: str, where: str, silence_s: float) -> Bus:
    """A Bus whose group members may be silent for `silence_s` before they lose their places."""
    if kind == "embedded":
        return EmbeddedBus(Path(where), lease_s=silence_s, busy_s=DEADLINE_S)
    from contracts.log_kafka import KafkaBus

    return KafkaBus(where.split(","), "laws", None, deadline_s=DEADLINE_S, session_s=silence_s)


class Log:
    """One adapter with a life of its own: unique topics and groups, and everything it opened closed at the end."""

    def __init__(self, kind: str, where: str, cluster: Cluster | None) -> None:
        self.kind = kind
        self.where = where
        self._cluster = cluster
        self._run = uuid.uuid4().hex[:8]
        self._closing: list[Callable[[], None]] = []
        self._lock: sqlite3.Connection | None = None
        self.bus = self.another()

    def another(self) -> Bus:
        """A second way in, as another process would have it."""
        return self._kept(open_log(self.kind, self.where, PATIENT_S))

    def hasty(self) -> Bus:
        """A Bus that gives up after two seconds."""
        if self.kind == "embedded":
            return self._kept(EmbeddedBus(Path(self.where), busy_s=2.0))
        from contracts.log_kafka import KafkaBus

        return self._kept(KafkaBus(self.where.split(","), "laws", None, deadline_s=2.0))

    def name(self, what: str) -> str:
        """A name that no other test uses."""
        return f"{what}-{self._run}-{next(_NUMBERS)}"

    def topic(self, partitions: int = 3, **how: float | bool | None) -> str:
        """A new topic."""
        name = self.name("topic")
        self.bus.ensure_topics([TopicSpec(name, partitions, **how)])  # type: ignore[arg-type]
        return name

    def reader(self, group: str | None, *topics: str, **how: object) -> Reader:
        """A reader that is closed at the end."""
        reader = self.bus.reader(group, topics, **how)  # type: ignore[arg-type]
        self._closing.append(reader.close)
        return reader

    def away(self) -> None:
        """From now on the log answers no writer."""
        if self._cluster is not None:
            self._cluster.command("pause", 1)
        else:
            self._lock = sqlite3.connect(Path(self.where) / FILE_NAME, isolation_level=None, timeout=DEADLINE_S)
            self._lock.execute("BEGIN IMMEDIATE")

    def back(self) -> None:
        """It answers again."""
        if self._cluster is not None:
            self._cluster.command("resume", 1)
        elif self._lock is not None:
            self._lock.execute("ROLLBACK")
            self._lock.close()
            self._lock = None

    @property
    def can_go_away(self) -> bool:
        """A lent broker cannot be paused."""
        return self.kind == "embedded" or self._cluster is not None

    def process(self, *arguments: str) -> subprocess.Popen[str]:
        """Start tests/laws/log_process.py on this log; see there."""
        command = [sys.executable, "-m", "tests.laws.log_process", self.kind, self.where, *arguments]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        self._closing.append(lambda: _end(process))
        return process

    def close(self) -> None:
        """Close what was opened, the youngest first."""
        self.back()
        for close in reversed(self._closing):
            close()

    def _kept(self, bus: Bus) -> Bus:
        self._closing.append(bus.close)
        return bus


def outgoing(topic: str, key: str, *bodies: object) -> list[Outgoing]:
    """Records of one key with JSON bodies."""
    return [Outgoing(topic, key, json.dumps(body).encode(), {"ce_id": f"{key}/{body}"}) for body in bodies]


def bodies(records: Iterable[Record]) -> list[object]:
    """What `outgoing` put in."""
    return [json.loads(record.value) for record in records]


def read(reader: Reader, count: int) -> list[Record]:
    """Poll until `count` records came; fails at the deadline."""
    records: list[Record] = []
    until(lambda: len(records.__iadd__(reader.poll(0.2))) >= count, f"{count} records", lambda: f"got {len(records)}")
    return records


def until(condition: Callable[[], bool], what: str, state: Callable[[], str] = str) -> None:
    """Ask `condition` again and again until it holds; fails at the deadline. The condition itself waits a little where it polls."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"still no {what} after {DEADLINE_S:g} s; {state()}"
        time.sleep(0.005)


def settled(readers: list[Reader], places: int) -> bool:
    """Whether the readers, polled once each, share all `places` and each holds some. Records read on the way are dropped."""
    for reader in readers:
        reader.poll(0.1)
    held = [place for reader in readers for place in reader.places()]
    return len(held) == len(set(held)) == places and all(reader.places() for reader in readers)


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(DEADLINE_S)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
