"""The log of one machine: a SQLite file that many processes write and read, with partitions, consumer groups, retention and compaction.

It is the default, with nothing to install. A publish is one transaction, on the disk (fsync) when it returns; a partition's offsets are dense.
Groups live in the same file (`log_embedded_groups`), reading in `log_embedded_reader`, trimming in `log_embedded_retention`.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec

from contracts.errors import LogRefusedError, SettingsError
from contracts.log_embedded_reader import EmbeddedReader
from contracts.log_embedded_retention import sweep
from contracts.log_embedded_store import OFFSET_BITS, answering, connect, shrink_wal, writing
from contracts.log_limits import check_size
from contracts.ports import Outgoing, Reader, StartAt, TopicSpec

DEFAULT_MAX_BYTES: Final = 4 << 30
"""What topics with a retention may take together: 4 GiB are some four million frames of 1 KB."""
_SWEEP_EVERY_S: Final = 10.0


class EmbeddedBus:
    """The Bus on a folder.

    `max_bytes` bounds the topics that have a retention (oldest records go first; topics kept for ever are never cut). `lease_s` is how long a
    group member may be silent before its places move on. `busy_s` is how long a call waits for other writers before it raises LogAwayError.
    `clock` gives Unix seconds and must agree between the processes.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int = DEFAULT_MAX_BYTES,
        lease_s: float = 5.0,
        busy_s: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lease_s = lease_s
        self._busy_s = busy_s
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._places: dict[str, list[int]] = {}
        self._swept_at = clock()

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that are missing; see Bus. Raises SettingsError for a topic without partitions."""
        for topic in topics:
            if topic.partitions < 1:
                raise SettingsError(f"topic {topic.name} asks for {topic.partitions} partitions; at least 1 is needed")
        with self._lock, answering(self._folder), writing(self._open()):
            for topic in topics:
                self._create(topic)

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Write all in one transaction: all of them or none. See Bus."""
        if not records:
            return
        for record in records:
            check_size(record)
        with self._lock, answering(self._folder):
            connection = self._open()
            batches = self._by_place(records)
            with writing(connection):
                now_ms = int(self._clock() * 1000)
                for place, batch in batches.items():
                    _append(connection, place, batch, now_ms)
            if self._clock() - self._swept_at >= _SWEEP_EVERY_S:
                self._sweep(connection)

    def sweep(self) -> None:
        """Drop what retention and compaction let go, now. `publish` does it by itself, a bounded share at a time, every ten seconds."""
        with self._lock, answering(self._folder):
            self._sweep(self._open())

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        """Join `group`; see Bus. The reader has a connection of its own and outlives this Bus."""
        return EmbeddedReader(self._folder, group, topics, start_at, sole, self._lease_s, self._busy_s, self._clock)

    def close(self) -> None:
        """Close the file. The last one to close it folds the write-ahead file in."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._folder, self._busy_s, durable=True)
        return self._connection

    def _create(self, topic: TopicSpec) -> None:
        connection = self._open()
        made = connection.execute(
            "INSERT OR IGNORE INTO topics (name, retention_s, compacted) VALUES (?, ?, ?)",
            (topic.name, topic.retention_s, topic.compacted),
        )
        if made.rowcount:
            places = [(topic.name, partition) for partition in range(topic.partitions)]
            connection.executemany("INSERT INTO places (topic, partition) VALUES (?, ?)", places)

    def _by_place(self, records: Sequence[Outgoing]) -> dict[int, list[Outgoing]]:
        batches: dict[int, list[Outgoing]] = {}
        for record in records:
            places = self._places_of(record.topic)
            batches.setdefault(places[crc32(record.key.encode()) % len(places)], []).append(record)
        return batches

    def _places_of(self, topic: str) -> list[int]:
        if topic not in self._places:
            rows = self._open().execute("SELECT id FROM places WHERE topic = ? ORDER BY partition", (topic,)).fetchall()
            if not rows:
                raise LogRefusedError(
                    f"the topic {topic!r} does not exist in the embedded log in {self._folder}; create it with ensure_topics"
                )
            self._places[topic] = [row[0] for row in rows]
        return self._places[topic]

    def _sweep(self, connection: sqlite3.Connection) -> None:
        if sweep(connection, self._clock(), self._max_bytes):
            self._swept_at = self._clock()
        shrink_wal(connection, self._folder)


def _append(connection: sqlite3.Connection, place: int, batch: Sequence[Outgoing], now_ms: int) -> None:
    (offset,) = connection.execute("SELECT next_offset FROM places WHERE id = ?", (place,)).fetchone()
    first = (place << OFFSET_BITS) + offset
    rows = [(first + i, now_ms, one.key, msgspec.json.encode(one.headers).decode(), one.value) for i, one in enumerate(batch)]
    connection.executemany("INSERT INTO records (id, time_ms, key, headers, value) VALUES (?, ?, ?, ?, ?)", rows)
    grown = sum(len(row[2].encode()) + len(row[3].encode()) + len(row[4]) for row in rows)
    connection.execute("UPDATE places SET next_offset = next_offset + ?, bytes = bytes + ? WHERE id = ?", (len(rows), grown, place))
