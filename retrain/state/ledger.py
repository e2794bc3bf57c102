"""The ledger: every decision, "no" included, and every change of the channels, each row chained to the one before by its SHA-256.

It answers who did what, why, and which version served when; altering or removing a row breaks every hash after it. Channel changes are taken over
from the repository's own history, so that those made by others (a bootstrap, a person) and those made just before a kill stand here too.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from contracts.channels import Channels
from retrain.state.connection import Result, Value
from retrain.state.database import Database

GENESIS: Final = "0" * 64
CHANNELS: Final = "channels"
_ROWS: Final = 2000
"""Read at once: some MB of a ledger that grows for ever."""


class Text(NamedTuple):
    """A row as it was hashed: its place in the chain, Unix seconds, the kind of decision and its facts as JSON."""

    sequence: int
    at: float
    kind: str
    body: str
    hash: str


class Row(NamedTuple):
    """A row with its facts read."""

    sequence: int
    at: float
    kind: str
    body: dict[str, Any]
    hash: str


class Written(NamedTuple):
    """What a row became: its place, the text of its facts, its hash."""

    sequence: int
    body: str
    hash: str


class Ledger:
    """Append-only rows in the service's database."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql

    def append(self, kind: str, now: float, **facts: Any) -> Written:
        """Write a row. Called inside the transaction that does what it says."""
        last = self._sql.execute("SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1").fetchone()
        sequence, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
        body = msgspec.json.encode(facts, order="sorted").decode()
        digest = chained(previous, sequence, now, kind, body)
        self._sql.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?)", (sequence, now, kind, body, digest))
        return Written(sequence, body, digest)

    def head(self) -> str:
        """The hash of the last row; empty before the first."""
        row = self._sql.execute("SELECT hash FROM ledger ORDER BY sequence DESC LIMIT 1").fetchone()
        return str(row[0]) if row else ""

    def take_over(self, history: Sequence[Channels], now: float, about: Callable[[str], Mapping[str, str]]) -> None:
        """Enter the channel states that are not entered yet, with what each changed from and to, and what is known `about` each version named."""
        known = self.channels_sequence()
        for before, after in zip([None, *history], history, strict=False):
            if after.sequence > known:
                named = {*after.versions(), after.previous, *(before.versions() if before else ())}
                versions = {version: about(version) for version in sorted(version for version in named if version)}
                self.append(CHANNELS, now, before=before, after=after, versions=versions)

    def channels_sequence(self) -> int:
        """The newest channel state entered; 0: none."""
        query = "SELECT body FROM ledger WHERE kind = ? ORDER BY sequence DESC LIMIT 1"
        row = self._sql.execute(query, (CHANNELS,)).fetchone()
        return int(msgspec.json.decode(row[0])["after"]["sequence"]) if row else 0

    def was_champion(self, version: str) -> bool:
        """Whether channels that were entered named the version as champion."""
        bodies = self._sql.execute("SELECT body FROM ledger WHERE kind = ? ORDER BY sequence", (CHANNELS,))
        return any(msgspec.json.decode(body)["after"]["champion"] == version for (body,) in bodies)

    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        return [
            Row(sequence, at, kind, msgspec.json.decode(body), digest)
            for sequence, at, kind, body, digest in texts(self._sql.execute)
        ]

    def broken_at(self) -> int | None:
        """The first row whose hash does not follow from the rows before it; None when the chain holds."""
        previous, expected = GENESIS, 1
        for row in texts(self._sql.execute):
            if row.sequence != expected or row.hash != chained(previous, *row[:4]):
                return row.sequence
            previous, expected = row.hash, expected + 1
        return None


def texts(execute: Callable[[str, Sequence[Value]], Result]) -> Iterator[Text]:
    """Every row, oldest first, asked for some thousand at a time."""
    last = 0
    query = "SELECT sequence, at, kind, body, hash FROM ledger WHERE sequence > ? ORDER BY sequence LIMIT ?"
    while rows := execute(query, (last, _ROWS)).rows:
        yield from map(Text._make, rows)
        last = rows[-1][0]


def chained(previous: str, sequence: int, at: float, kind: str, body: str) -> str:
    """The hash of a row: SHA-256 over the previous hash and the row's own fields."""
    return hashlib.sha256(msgspec.json.encode([previous, sequence, at, kind, body])).hexdigest()
