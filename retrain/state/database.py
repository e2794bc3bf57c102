"""What the retrain service remembers: one SQLite file, in which effects, the log's offsets and the events to publish are saved together.

A turn of the service is one transaction, so that a process killed at any instant resumes with no event counted twice or missed. Events wait in the
outbox with the ids they were given there: publishing one twice is the same event. The tables of each noun are used in its own module.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import StoreError
from contracts.events import AnyEvent, encode
from contracts.ports import Outgoing, Place

_FORMAT: Final = 1
_BUSY_S: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE offsets (topic TEXT, partition INTEGER, next_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition));
CREATE TABLE seen (event_id TEXT PRIMARY KEY, until REAL NOT NULL);
CREATE INDEX seen_until ON seen (until);
CREATE TABLE outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT, key TEXT, value BLOB, headers BLOB);
CREATE TABLE labels (
    frame_id TEXT PRIMARY KEY, camera TEXT NOT NULL, captured_at REAL NOT NULL, sample TEXT, labelled_at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX labels_captured ON labels (captured_at);
CREATE TABLE faults (incident_id TEXT, camera TEXT, since REAL NOT NULL, until REAL, PRIMARY KEY (incident_id, camera));
CREATE TABLE ledger (sequence INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE jobs (
    job_id TEXT PRIMARY KEY, request_key TEXT NOT NULL, state TEXT NOT NULL, owner TEXT NOT NULL, lease_until REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE rollouts (sequence INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT UNIQUE NOT NULL, body BLOB NOT NULL);
CREATE TABLE cameras (camera TEXT PRIMARY KEY, last_seen REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE answers (frame_id TEXT, version TEXT, label TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (frame_id, version));
CREATE INDEX answers_at ON answers (at);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_HEADERS: Final = msgspec.json.Decoder(dict[str, str])


class Database:
    """The file and its transactions. One thread uses it; other processes may, at the same time."""

    def __init__(self, path: Path, source: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._source = source
        self.sql = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        _into_wal(self.sql)
        self.sql.execute("PRAGMA synchronous=FULL")
        with self.transaction():
            found = int(self.sql.execute("PRAGMA user_version").fetchone()[0])
            if found == 0:
                for statement in _SCHEMA.split(";"):
                    self.sql.execute(statement)
                self.sql.execute(f"PRAGMA user_version={_FORMAT}")
        if found not in (0, _FORMAT):
            raise StoreError(
                f"{path} has format {found}, this release reads {_FORMAT}: set another `state` folder, or move it away"
            )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing; other writers wait."""
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.sql.execute("COMMIT")
        except BaseException:
            if self.sql.in_transaction:
                self.sql.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: undo one record's effects and keep the others'."""
        self.sql.execute("SAVEPOINT record")
        try:
            yield
        except BaseException:
            self.sql.execute("ROLLBACK TO record")
            raise
        finally:
            self.sql.execute("RELEASE record")

    def first_time(self, event_id: str, until: float) -> bool:
        """True once for each event id: a handler that has seen it does nothing. The id is kept until `until` (Unix seconds)."""
        return self.sql.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (event_id, until)).rowcount == 1

    def forget_seen(self, now: float) -> None:
        """Let the ids go that no publisher still repeats."""
        self.sql.execute("DELETE FROM seen WHERE until < ?", (now,))

    def next_offset(self, place: Place) -> int | None:
        """Where the saved state is in a place of the log; None: never been there."""
        row = self.sql.execute("SELECT next_offset FROM offsets WHERE topic = ? AND partition = ?", place).fetchone()
        return row[0] if row else None

    def save_offsets(self, offsets: Mapping[Place, int]) -> None:
        """The next offsets to read, saved with the effects of what was read."""
        self.sql.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", [(*place, at) for place, at in offsets.items()])

    def publish_later(self, event: AnyEvent) -> None:
        """Put an event into the outbox: it is published exactly when this transaction holds."""
        record = encode(event, self._source)
        row = (record.topic, record.key, record.value, msgspec.json.encode(record.headers))
        self.sql.execute("INSERT INTO outbox (topic, key, value, headers) VALUES (?, ?, ?, ?)", row)

    def outbox(self, limit: int = 500) -> tuple[int, list[Outgoing]]:
        """The oldest unpublished records and the sequence of the last of them (0 when there is none)."""
        query = "SELECT sequence, topic, key, value, headers FROM outbox ORDER BY sequence LIMIT ?"
        rows = self.sql.execute(query, (limit,)).fetchall()
        return (rows[-1][0] if rows else 0), [Outgoing(row[1], row[2], row[3], _HEADERS.decode(row[4])) for row in rows]

    def published(self, up_to: int) -> None:
        """The log holds the outbox up to this sequence."""
        with self.transaction():
            self.sql.execute("DELETE FROM outbox WHERE sequence <= ?", (up_to,))

    def fact(self, name: str) -> str | None:
        """A single remembered value."""
        row = self.sql.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str | None) -> None:
        """Set or (None) forget a single value."""
        if value is None:
            self.sql.execute("DELETE FROM facts WHERE name = ?", (name,))
        else:
            self.sql.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def close(self) -> None:
        """Close the file."""
        self.sql.close()


def _into_wal(connection: sqlite3.Connection) -> None:
    """The switch to WAL needs the file alone and does not wait by itself."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
