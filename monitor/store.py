"""The monitor's memory on disk: parts, offsets and the outbox in one SQLite file, changed in one transaction.

A process killed at any instant finds either the state before a batch with the offsets before it, or both after it. What is to be published is in the
same transaction; it is published after it and then struck out, so a crash between says it twice under the same id, and never not at all.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import SettingsError
from contracts.ports import Outgoing, Place
from monitor.memory import KINDS, Memory

SCHEMA: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS part (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS place (topic TEXT, partition INTEGER, next_offset INTEGER, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT, key TEXT, value BLOB, headers BLOB);
"""


class Store:
    """One model's state file. Used from one thread."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Open or make `path`. `fingerprint` names what the state depends on; raises SettingsError when the file was made under another."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "PRAGMA synchronous=NORMAL"
        )  # a power cut may lose the newest transactions, state and offsets alike: they are judged again
        self._db.executescript(_TABLES)
        wanted = f"{SCHEMA} {fingerprint}"
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('made for', ?)", (wanted,))
        (found,) = self._db.execute("SELECT value FROM meta WHERE name = 'made for'").fetchone()
        if found != wanted:
            self._db.close()
            raise SettingsError(
                f"{path} was made for {found!r}, these settings need {wanted!r}: set them back, or move the file away to judge the log anew"
            )

    def load(self) -> Memory:
        """The memory as last saved."""
        memory = Memory()
        for kind, value in self._db.execute("SELECT kind, value FROM part ORDER BY rowid"):
            memory.restore(msgspec.msgpack.decode(value, type=KINDS[kind]))
        return memory

    def offsets(self) -> dict[Place, int]:
        """The next offset to read of each place."""
        return {
            Place(topic, number): at for topic, number, at in self._db.execute("SELECT topic, partition, next_offset FROM place")
        }

    def save(self, memory: Memory, offsets: Mapping[Place, int], outgoing: Sequence[Outgoing]) -> None:
        """Save what changed, how far the log was taken, and what is to be published: all or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for kind, key in memory.dirty:
                part = memory.part(kind, key)
                if part is None:
                    self._db.execute("DELETE FROM part WHERE kind = ? AND key = ?", (kind, key))
                else:
                    self._db.execute(
                        "INSERT INTO part VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                        (kind, key, msgspec.msgpack.encode(part)),
                    )
            rows = [(place.topic, place.partition, at) for place, at in offsets.items()]
            self._db.executemany("INSERT OR REPLACE INTO place VALUES (?, ?, ?)", rows)
            letters = [(o.topic, o.key, o.value, msgspec.json.encode(o.headers)) for o in outgoing]
            self._db.executemany("INSERT INTO outbox (topic, key, value, headers) VALUES (?, ?, ?, ?)", letters)
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        memory.dirty.clear()

    def unsent(self, limit: int = 500) -> tuple[list[Outgoing], int]:
        """The oldest letters of the outbox, and the number of the last of them (0 without any)."""
        rows = self._db.execute(
            "SELECT sequence, topic, key, value, headers FROM outbox ORDER BY sequence LIMIT ?", (limit,)
        ).fetchall()
        letters = [
            Outgoing(topic, key, value, msgspec.json.decode(headers, type=dict[str, str])) for _, topic, key, value, headers in rows
        ]
        return letters, rows[-1][0] if rows else 0

    def sent(self, up_to: int) -> None:
        """Strike out the letters up to a number: the log holds them."""
        self._db.execute("DELETE FROM outbox WHERE sequence <= ?", (up_to,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
