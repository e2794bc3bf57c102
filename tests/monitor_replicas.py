"""Several monitors of one model as processes, on one log and one store of the state; and what one that nothing happened to says of the same log."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from contracts import events
from contracts.errors import StoreError
from contracts.events import AnyEvent
from contracts.log import open_bus
from contracts.log_embedded_store import FILE_NAME
from contracts.ports import Bus, Outgoing, Reader, StartAt, TopicSpec
from contracts.repository import ModelRepository
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.service import Service
from monitor.settings import MonitorSettings
from monitor.standard import Standards
from monitor.store import Store
from monitor.stores import Store as AnyStore
from tests.monitor_line import MODEL, Line

PATIENCE_S = 90.0
SECRET = "KEEPSIGHT_MONITOR_STATE_PASSWORD"
SETTINGS = {"block_frames": 16, "confirm_blocks": 3, "quiet_blocks": 4, "merge_wait_s": 1.5, "save_every_s": 0.05, "reports": False}
T = TypeVar("T")
End = dict[str, Any]


def eventually(look: Callable[[], T], done: Callable[[T], bool], what: str = "") -> T:
    """The first thing seen that is `done`; fails with the last after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not done(seen := look()):
        assert time.monotonic() < deadline, f"still {seen!r} {what}"
        threading.Event().wait(0.05)
    return seen


class Replica:
    """One process."""

    def __init__(self, number: int, folder: Path, settings: Path, environment: Mapping[str, str]) -> None:
        self.frozen = False
        self._errors = folder / f"stderr-{number}"
        command = [sys.executable, "-m", "monitor", "--settings", str(settings)]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stderr=errors, env={**os.environ, **environment})
        self.port = 0

    def ready(self) -> None:
        """Wait until it is ready to judge or to take over."""
        self.port = eventually(lambda: self.said("started"), bool, self.errors)[0]["port"]
        eventually(lambda: self.get("/readyz"), lambda answer: '"ok"' in answer, self.errors)

    @property
    def errors(self) -> str:
        return self._errors.read_text()[-3000:]

    def said(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of one kind."""
        lines = [json.loads(line) for line in self._errors.read_text().split("\n")[:-1] if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def get(self, path: str) -> str:
        """An HTTP answer; empty while there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    @property
    def active(self) -> bool:
        """What its metrics say."""
        return f'keepsight_monitor_active{{model="{MODEL}"}} 1.0' in self.get("/metrics")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


class Replicas:
    """All of them, with their log and their store."""

    def __init__(self, folder: Path, line: Line, log: str, state: str, password: str = "") -> None:
        self.folder = folder
        self.bus = open_bus(log)
        self.bus.ensure_topics(events.TOPICS)
        self._line = line
        self._log = log
        self._files = [folder / "state" / f"monitor-{MODEL}.sqlite"] if not state else []
        if log.startswith("embedded://"):
            self._files.append(Path(log.removeprefix("embedded://")) / FILE_NAME)
        self.settings = folder / "settings.toml"
        values = {**SETTINGS, "port": 0, "state_url": state}
        section = "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        self.settings.write_text(
            f'log = "{log}"\nrepository = "{line.url}"\nframe_store = "{folder}/frames"\nstate = "{folder}/state"\nmodel = "{MODEL}"\n[monitor]\n{section}\n'
        )
        self._environment = {SECRET: password} if password else {}
        self.members: list[Replica] = []
        self.took_s: list[tuple[str, float]] = []
        self._count = 0

    def start(self, count: int = 1) -> None:
        """So many more, ready."""
        fresh = [Replica(self._count + i, self.folder, self.settings, self._environment) for i in range(count)]
        self._count += count
        self.members += fresh
        for one in fresh:
            one.ready()

    def active(self) -> Replica:
        """The one that judges."""
        found = eventually(lambda: [m for m in self.members if not m.frozen and m.active], lambda those: len(those) == 1, "active")
        return found[0]

    def succeed(self, how: str, last: bool) -> None:
        """Kill, freeze or restart the active one, and wait until another has taken over; then there are as many as before, unless it is the last time."""
        before = self.active()
        if how == "freeze":
            self._freeze(before)
        else:
            self.members.remove(before)
            before.signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        began = time.time()
        heir = self.active()
        self.took_s.append((how, heir_at(heir) - began))
        if how == "freeze":
            standing_by = len(before.said("standing_by"))
            before.frozen = False
            before.signal(signal.SIGCONT)
            eventually(lambda: len(before.said("standing_by")), lambda seen: seen > standing_by, before.errors)
        else:
            status = before.process.wait(PATIENCE_S)
            assert status == (-signal.SIGKILL if how == "kill" else 0), before.errors
            self.start(0 if last else 1)

    def _freeze(self, replica: Replica) -> None:
        """Stop it, outside of any write: SQLite's files stay locked by a process that stands still within one."""
        while True:
            replica.signal(signal.SIGSTOP)
            if not any(map(locked, self._files)):
                replica.frozen = True
                return
            replica.signal(signal.SIGCONT)

    def publish(self, facts: Sequence[AnyEvent]) -> None:
        """Put events on the log as serving would."""
        self.bus.publish([events.encode(fact, "test") for fact in facts])

    def stop(self) -> None:
        """End all in order."""
        for member in self.members:
            member.signal(signal.SIGTERM)
        for member in self.members:
            assert member.process.wait(PATIENCE_S) == 0, member.errors
        self.members = []

    def end(self, store: AnyStore) -> End:
        """All that is left when it is over. Letters are folded by id, and by what is in them."""
        return {**left(store), "said": folded([*self.read(events.INCIDENTS), *self.read(events.RETRAIN)])}

    def unharmed(self) -> End:
        """What one monitor to which nothing happens makes of the same log."""
        store = Store(self.folder / "unharmed.sqlite", "x")
        bus = _Listener(self.bus)
        settings = MonitorSettings(model=MODEL, **SETTINGS)  # type: ignore[arg-type]  # one dict of several types
        memory, policy = Memory(), settings.policy()
        judge = Judge(MODEL, policy, memory, Standards(ModelRepository(self._line.url), MODEL, policy))
        service = Service(bus, store, judge, memory, MODEL, settings.merge_wait_s, 1.0, time.time)
        stop = threading.Event()
        late = time.monotonic() + PATIENCE_S

        def look() -> None:
            assert time.monotonic() < late
            if service.taken and not service.lag:
                stop.set()

        service.run(stop, look)
        end = {**left(store), "said": folded(bus.published)}
        store.close()
        return end

    def read(self, topic: str) -> list[Outgoing]:
        """All of a topic."""
        reader = self.bus.reader(None, [topic])
        found: list[Outgoing] = []
        until = time.monotonic() + PATIENCE_S
        while (records := reader.poll(0.5)) or sum(reader.lag().values()):
            assert time.monotonic() < until
            found += [Outgoing(topic, record.key, record.value, record.headers) for record in records]
        reader.close()
        return found

    def close(self) -> None:
        """Kill what still runs."""
        for member in self.members:
            if member.process.poll() is None:
                member.process.kill()
                member.process.wait(PATIENCE_S)
        self.bus.close()


def heir_at(replica: Replica) -> float:
    """When it became active, in Unix seconds."""
    from datetime import datetime

    return datetime.fromisoformat(replica.said("active")[-1]["time"]).timestamp()


def locked(file: Path) -> bool:
    """Whether somebody is writing to a SQLite file."""
    if not file.exists():
        return False
    connection = sqlite3.connect(file, timeout=0.05, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


def left(store: AnyStore) -> End:
    """What a store holds, as its bits."""
    memory = store.load()
    parts: dict[str, list[bytes]] = {}
    for name in ("cameras", "watches", "labels", "labelled", "cases", "marks", "rollout"):
        held = getattr(memory, name)
        parts[name] = [msgspec.msgpack.encode(held)] if name == "rollout" else [msgspec.msgpack.encode([k, held[k]]) for k in held]
    try:
        letters = store.unsent()[0]
    except StoreError:
        letters = []
    return {"parts": parts, "places": sorted(store.offsets().items()), "unsent": letters}


def folded(letters: Sequence[Outgoing]) -> list[tuple[str, str, bytes]]:
    """Each id once, in order of id."""
    found: dict[str, tuple[str, str, bytes]] = {}
    for letter in letters:
        number = letter.headers["ce_id"]
        one = (letter.topic, number, letter.value)
        assert found.setdefault(number, one) == one, "one id, two bodies"
    return sorted(found.values())


class _Listener:
    """A Bus that reads another as a group of its own, and keeps what is published."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.published: list[Outgoing] = []

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """They are there."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        self.published += records

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        return self._bus.reader(f"{group}-unharmed", topics, start_at, sole)

    def close(self) -> None:
        """Nothing to close."""
