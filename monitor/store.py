"""The monitor's memory on disk: parts, offsets and the outbox in one SQLite file, changed in one transaction.

A process killed at any instant finds either the state before a batch with the offsets before it, or both after it. What is to be published is in the
same transaction; it is published after it and then struck out, so a crash between says it twice under the same id, and never not at all.

Replicas of one host may share the file. Who loads the memory takes it over: whoever had it before can no longer save, nor say what it had saved.
`store_postgres.py` is the same for replicas of several hosts.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import SettingsError, StoreError, TakenOverError
from contracts.ports import Outgoing, Place
from monitor.memory import KINDS, Memory

SCHEMA: Final = 4
"""2: watches hold float32 and chunks of 8 rows, ids seen are one string of bytes. 3: records of video cameras in half the bytes. 4: images by pixels."""
BUSY_S: Final = 5.0
"""How long another replica's transaction is waited for."""
PAGE_BYTES: Final = 16_384
"""Of a new file: a camera's parts fill a smaller page, and take half as long again to write."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS part (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS place (topic TEXT, partition INTEGER, next_offset INTEGER, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT, key TEXT, value BLOB, headers BLOB);
"""


def misfit(what: str, found: str, wanted: str, away: str) -> SettingsError:
    """Why a state made for `found` is not the one that is `wanted`: another release's, or other settings'. `away` says how one is rid of it."""
    (wrote, _, were), (reads, _, are) = found.partition(" "), wanted.partition(" ")
    if wrote != reads:
        return SettingsError(
            f"{what} has format {wrote}, this release reads {reads}: run the release that wrote it, or {away} to judge the log anew"
        )
    return SettingsError(
        f"{what} was made for {were!r}, these settings need {are!r}: set them back, or {away} to judge the log anew"
    )


class Store:
    """One model's state file. Used from one thread.

    Every method raises StoreError while the file cannot be read or written (disk full, locked, no rights): nothing has changed then, so try again;
    and SettingsError when the file is damaged. What changes something raises TakenOverError when another process has loaded the memory since.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        """Open or make `path`. `fingerprint` names what the state depends on; raises SettingsError when the file was made under another."""
        self._path = path
        with self._answering():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
        try:
            found, wanted = self._make(fingerprint)
            if found != wanted:
                raise misfit(str(path), found, wanted, "move the file away")
            with self._answering():
                self._turn = self._turn_now()
        except BaseException:
            self._db.close()
            raise

    def _make(self, fingerprint: str) -> tuple[str, str]:
        """What the file was made for, and what is wanted."""
        with self._answering():
            self._db.execute(f"PRAGMA page_size={PAGE_BYTES}")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(
                "PRAGMA synchronous=NORMAL"
            )  # a power cut may lose the newest transactions, state and offsets alike: they are judged again
            self._db.executescript(_TABLES)
            wanted = f"{SCHEMA} {fingerprint}"
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('made for', ?), ('turn', 0)", (wanted,))
            (found,) = self._db.execute("SELECT value FROM meta WHERE name = 'made for'").fetchone()
        return found, wanted

    def load(self) -> Memory:
        """The memory as last saved, and from now on ours: who loaded it before can change nothing any more."""
        memory = Memory()
        with self._answering(), self._writing():
            turn = self._turn_now() + 1
            self._db.execute("UPDATE meta SET value = ? WHERE name = 'turn'", (turn,))
            for kind, value in self._db.execute("SELECT kind, value FROM part ORDER BY rowid"):
                memory.restore(msgspec.msgpack.decode(value, type=KINDS[kind]))
        self._turn = turn
        return memory

    def offsets(self) -> dict[Place, int]:
        """The next offset to read of each place."""
        with self._answering():
            rows = self._db.execute("SELECT topic, partition, next_offset FROM place").fetchall()
        return {Place(topic, number): at for topic, number, at in rows}

    def save(self, memory: Memory, offsets: Mapping[Place, int], outgoing: Sequence[Outgoing]) -> None:
        """Save what changed, how far the log was taken, and what is to be published: all or nothing."""
        encode = msgspec.msgpack.Encoder().encode
        changed = [(kind, key, memory.part(kind, key)) for kind, key in memory.dirty]
        with self._answering(), self._writing():
            self._check_turn()
            gone = [(kind, key) for kind, key, part in changed if part is None]
            self._db.executemany("DELETE FROM part WHERE kind = ? AND key = ?", gone)
            self._db.executemany(
                "INSERT INTO part VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                ((kind, key, encode(part)) for kind, key, part in changed if part is not None),
            )
            rows = [(place.topic, place.partition, at) for place, at in offsets.items()]
            self._db.executemany("INSERT OR REPLACE INTO place VALUES (?, ?, ?)", rows)
            letters = [(o.topic, o.key, o.value, msgspec.json.encode(o.headers)) for o in outgoing]
            self._db.executemany("INSERT INTO outbox (topic, key, value, headers) VALUES (?, ?, ?, ?)", letters)
        memory.dirty.clear()

    def unsent(self, limit: int = 500) -> tuple[list[Outgoing], int]:
        """The oldest letters of the outbox, and the number of the last of them (0 without any)."""
        with self._answering():
            self._check_turn()
            rows = self._db.execute(
                "SELECT sequence, topic, key, value, headers FROM outbox ORDER BY sequence LIMIT ?", (limit,)
            ).fetchall()
        letters = [
            Outgoing(topic, key, value, msgspec.json.decode(headers, type=dict[str, str])) for _, topic, key, value, headers in rows
        ]
        return letters, rows[-1][0] if rows else 0

    def sent(self, up_to: int) -> None:
        """Strike out the letters up to a number: the log holds them."""
        with self._answering(), self._writing():
            self._check_turn()
            self._db.execute("DELETE FROM outbox WHERE sequence <= ?", (up_to,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _turn_now(self) -> int:
        (turn,) = self._db.execute("SELECT value FROM meta WHERE name = 'turn'").fetchone()
        return int(turn)

    def _check_turn(self) -> None:
        if (turn := self._turn_now()) != self._turn:
            raise TakenOverError(
                f"the state in {self._path} was taken over by another monitor (turn {turn}, ours was {self._turn})"
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, all of it or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have rolled back by itself
                self._db.execute("ROLLBACK")
            raise

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """What SQLite says, as our errors."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            held = " (does a frozen monitor hold it?)" if "locked" in str(error) else ""
            raise StoreError(f"the monitor's state in {self._path} cannot be read or written: {error}{held}") from error
        except (sqlite3.DatabaseError, msgspec.MsgspecError, KeyError) as error:
            if isinstance(error, sqlite3.Error) and type(error) is not sqlite3.DatabaseError:
                raise  # not the file's fault but ours
            raise SettingsError(
                f"the monitor's state in {self._path} is damaged ({type(error).__name__}: {error}): move it away, with the file that ends in -wal, "
                "and start again: what the log still holds is then judged anew"
            ) from error
