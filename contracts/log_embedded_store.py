"""The embedded log's file: its tables, how a connection to it is opened, and what its errors mean.

One SQLite file in WAL mode, shared by every process of the machine. A record's row id is its place's number times 2**40 plus its offset, so that
the table itself is sorted by place and offset and needs no second index: reading a place is one walk, trimming it one range.
"""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from contracts.errors import LogAwayError, LogRefusedError

FILE_NAME: Final = "log.sqlite3"
OFFSET_BITS: Final = 40
"""2**40 offsets a place (34 years at 1,000 records a second) and 2**23 places fit SQLite's 63-bit row ids."""
OFFSETS: Final = 1 << OFFSET_BITS
_FORMAT: Final = 1
_WAL_LIMIT_BYTES: Final = 64 << 20
_SCHEMA: Final = """
CREATE TABLE topics (name TEXT PRIMARY KEY, retention_s REAL, compacted INTEGER NOT NULL);
CREATE TABLE places (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, clean_to INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, partition));
CREATE TABLE records (id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, key TEXT NOT NULL, headers TEXT NOT NULL, value BLOB NOT NULL);
CREATE TABLE members (id INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, topics TEXT NOT NULL, expires_ms INTEGER NOT NULL);
CREATE TABLE holds (grp TEXT NOT NULL, place INTEGER NOT NULL, member INTEGER NOT NULL, PRIMARY KEY (grp, place));
CREATE TABLE commits (grp TEXT NOT NULL, place INTEGER NOT NULL, next_offset INTEGER NOT NULL, PRIMARY KEY (grp, place));
"""


def connect(folder: Path, busy_s: float, durable: bool) -> sqlite3.Connection:
    """A connection to the log in `folder`, made if it is not there. Any thread may use it, one at a time.

    `durable` waits for the disk at every commit (synchronous=FULL: survives a power cut); otherwise commits reach the operating system only
    (NORMAL: survives kill -9, may lose the last ones in a power cut, never corrupts). Raises sqlite3.Error and OSError: call it within `answering`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / FILE_NAME, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        _into_wal(connection, busy_s)
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT_BYTES}")
        _make_tables(connection, folder)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def answering(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into LogAwayError (try again) and LogRefusedError (a person must act)."""
    where = f"the embedded log in {folder}"
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LogAwayError(
            f"{where} does not answer: {error}; see that the disk has room and that no process holds the file locked"
        ) from error
    except sqlite3.DatabaseError as error:
        raise LogRefusedError(f"{where} cannot be used: {error}; move {FILE_NAME} away or restore it from a copy") from error
    except PermissionError as error:
        raise LogRefusedError(f"{where} may not be written by this user: {error}; give it the folder's ownership") from error
    except OSError as error:
        raise LogAwayError(f"{where} cannot be reached: {error}") from error


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """One write transaction, taken at once (waiting for other writers up to the busy timeout), rolled back when anything is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def shrink_wal(connection: sqlite3.Connection, folder: Path) -> None:
    """Empty the write-ahead file when it outgrew its limit because readers kept the automatic checkpoints from finishing."""
    wal = folder / f"{FILE_NAME}-wal"
    if wal.exists() and wal.stat().st_size > _WAL_LIMIT_BYTES:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _into_wal(connection: sqlite3.Connection, busy_s: float) -> None:
    """The switch to WAL needs the file alone and does not wait by itself, so several processes starting at once try again."""
    deadline = time.monotonic() + busy_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _make_tables(connection: sqlite3.Connection, folder: Path) -> None:
    if _format_of(connection) == 0:
        with writing(connection):
            if _format_of(connection) == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={_FORMAT}")
    if (found := _format_of(connection)) != _FORMAT:
        raise LogRefusedError(f"the embedded log in {folder} has format {found}, this release reads {_FORMAT}; use another folder")


def _format_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
