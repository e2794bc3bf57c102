"""What the retrain service's modules may ask of its state: one SQL for a file of this host and for PostgreSQL, in transactions that have one owner.

`tests/laws/test_retrain_state.py` says what an adapter must hold.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

Value = str | int | float | bytes | None
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """A statement's rows, all of them, and how many it changed. What may be long is asked for in pieces (LIMIT)."""

    rows: list[Row]
    rowcount: int

    def fetchone(self) -> Row | None:
        """The first row."""
        return self.rows[0] if self.rows else None

    def fetchall(self) -> list[Row]:
        """Every row."""
        return self.rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


class Connection(Protocol):
    """Statements with `?` for each value. What both dialects know: INSERT … ON CONFLICT (…) DO UPDATE or DO NOTHING, RETURNING, LIMIT.

    TEXT sorts by its UTF-8 bytes. Both methods raise StoreError while the database does not answer, SettingsError when a person must act, and
    ValueError for values that it cannot hold (a number beyond 64 bits, NULL where a value must stand, a taken key; in PostgreSQL a NUL in a text).
    After a ValueError nothing but the end of the savepoint or the transaction may follow.
    """

    def execute(self, sql: str, values: Sequence[Value] = ()) -> Result:
        """Run one statement."""

    def executemany(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """Run one statement for each row of values."""


class State(Protocol):
    """One model's state. Used from one thread; of several processes one owns it, the one that took it last.

    Every method raises StoreError while the database does not answer: nothing has changed then, or all has; and SettingsError when a person must act.
    """

    model: str

    @property
    def sql(self) -> Connection:
        """Outside of a transaction: for reading."""

    def take(self) -> None:
        """From now on ours: who owned it before can change nothing any more."""

    def transaction(self) -> AbstractContextManager[None]:
        """All of it or nothing. Raises TakenOverError, and does nothing, when another process took the state after we opened or took it."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Inside a transaction: undo one record's effects and keep the others'."""

    def close(self) -> None:
        """Let go of it. Safe to call twice."""
