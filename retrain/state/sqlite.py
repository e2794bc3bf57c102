"""The retrain service's state in a SQLite file, for services of one host. Readers and the one writer do not wait for each other (WAL)."""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from contracts.errors import SettingsError, StoreError, TakenOverError
from retrain.state.connection import Connection, Result, Value
from retrain.state.tables import FORMAT, FROM_1, missing

BUSY_S: Final = 5.0
"""How long another service's transaction is waited for."""


class SqliteState:
    """See `connection.State`. Outside of a transaction each statement is one."""

    def __init__(self, path: Path, model: str) -> None:
        """Open or make the file. Raises SettingsError when a later release made it, or when it is damaged."""
        self.model = model
        self._path = path
        self._inside = False
        """Whether a transaction was begun and not ended by us."""
        with self._answering():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            with self._answering():
                self._into_wal()
                self._connection.execute("PRAGMA synchronous=FULL")
            with self._writing():
                self._make()
                self._turn = self._turn_now()
        except BaseException:
            self.close()
            raise

    @property
    def sql(self) -> Connection:
        """Itself."""
        return self

    def execute(self, sql: str, values: Sequence[Value] = ()) -> Result:
        """See `connection.Connection`."""
        with self._answering():
            self._check_whole()
            cursor = self._connection.execute(sql, values)
            return Result(cursor.fetchall(), cursor.rowcount)

    def executemany(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """See `connection.Connection`."""
        with self._answering():
            self._check_whole()
            self._connection.executemany(sql, rows)

    def take(self) -> None:
        """Raise the turn, and make it ours."""
        with self._writing():
            ((turn,),) = self.execute("UPDATE about SET turn = turn + 1 RETURNING turn")
        self._turn = turn

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Other writers wait."""
        with self._writing():
            if (turn := self._turn_now()) != self._turn:
                raise TakenOverError(
                    f"the state in {self._path} was taken over by another retrain service (turn {turn}, ours was {self._turn})"
                )
            yield

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Nothing of it stays when it raises."""
        self.execute("SAVEPOINT record")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self.execute("ROLLBACK TO record")
                self.execute("RELEASE record")
            raise
        self.execute("RELEASE record")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _make(self) -> None:
        ((found,),) = self.execute("PRAGMA user_version")
        if found > FORMAT:
            raise SettingsError(
                f"{self._path} has format {found}, this release reads {FORMAT}: set another `state` folder, or move it away"
            )
        if found == 1:
            for statement in FROM_1.split(";"):
                self.execute(statement)
        tables = [name for (name,) in self.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for statement in missing("sqlite", tables):
            self.execute(statement)
        self.execute(f"PRAGMA user_version={FORMAT}")

    def _turn_now(self) -> int:
        ((turn,),) = self.execute("SELECT turn FROM about")
        return int(turn)

    def _into_wal(self) -> None:
        """The switch to WAL needs the file alone and does not wait by itself."""
        deadline = time.monotonic() + BUSY_S
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        self._inside = True
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.execute("ROLLBACK")
            raise
        finally:
            self._inside = False

    def _check_whole(self) -> None:
        """On a full disk SQLite may roll a transaction back by itself; what follows would be saved without what came before, statement by statement."""
        if self._inside and not self._connection.in_transaction:
            raise StoreError(f"SQLite gave the transaction in {self._path} up by itself: is the disk full?")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """What SQLite says, as our errors."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            raise ValueError(f"the state cannot hold it: {error}") from error
        except (sqlite3.OperationalError, OSError) as error:
            held = " (does a frozen retrain service hold it?)" if "locked" in str(error) else ""
            raise StoreError(f"the retrain service's state in {self._path} cannot be read or written: {error}{held}") from error
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise  # not the file's fault but ours
            raise SettingsError(
                f"the retrain service's state in {self._path} is damaged ({error}): restore it from a copy together with the file that ends in -wal, or "
                "move both away: jobs and the ledger begin anew then"
            ) from error
