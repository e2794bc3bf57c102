"""The retrain service's state in PostgreSQL, for services on several hosts: a schema for each model, with the tables of `tables.py`.

Every transaction first locks the model's turn, a row, and looks whether it is still ours. So transactions of one model follow each other, also one whose
client or server froze in the middle of it.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

from contracts.errors import SettingsError, TakenOverError
from contracts.postgres import UNHOLDABLE, Postgres, Session
from retrain.state.connection import Connection, Result, Value
from retrain.state.tables import FORMAT, missing

_LOCK: Final = 0x6B657074
"""Of the advisory lock under which the tables are made; any number that nobody else uses."""
_NAME_BYTES: Final = 63
"""PostgreSQL cuts longer names off without a word."""


class PostgresState:
    """See `connection.State`. Outside of a transaction each statement is one."""

    def __init__(self, url: str, password: str, model: str) -> None:
        """Connect, and make the tables if they are missing. Raises StoreError and SettingsError."""
        self.model = model
        self._schema = schema_of(model)
        self._server = Postgres(url, password, "retrain")
        self._open: Session | None = None
        try:
            with self._within():
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
        if self._open is None:
            with self._within():
                return self.execute(sql, values)
        with _holding():
            cursor = self._open.execute(_translated(sql), values)
            return Result(cursor.fetchall() if cursor.description else [], cursor.rowcount)

    def executemany(self, sql: str, rows: Sequence[Sequence[Value]]) -> None:
        """See `connection.Connection`."""
        if self._open is None:
            with self._within():
                self.executemany(sql, rows)
        else:
            with _holding(), self._open.cursor() as cursor:
                cursor.executemany(_translated(sql), rows)

    def take(self) -> None:
        """Raise the turn, and make it ours."""
        with self._within():
            ((turn,),) = self.execute("UPDATE about SET turn = turn + 1 RETURNING turn")
        self._turn = turn

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Other services of the model wait."""
        with self._within():
            if (turn := self._turn_now()) != self._turn:
                raise TakenOverError(
                    f"the state of {self.model!r} in {self._server.name} was taken over by another retrain service (turn {turn}, ours was {self._turn})"
                )
            yield

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Nothing of it stays when it raises."""
        assert self._open is not None
        with self._open.transaction():
            yield

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _make(self) -> None:
        self.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))  # first: a session remembers a name that it did not find
        if not self.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (self._schema,)).rows:
            self.execute(f'CREATE SCHEMA "{self._schema}"')
        tables = [name for (name,) in self.execute("SELECT tablename FROM pg_tables WHERE schemaname = ?", (self._schema,))]
        for statement in missing("postgres", tables):
            self.execute(statement)
        ((found,),) = self.execute("SELECT format FROM about")
        if found != FORMAT:
            raise SettingsError(
                f"the schema {self._schema} in {self._server.name} has format {found}, this release reads {FORMAT}: run the release that made it, or set "
                "another `state_url`"
            )

    def _turn_now(self) -> int:
        ((turn,),) = self.execute("SELECT turn FROM about FOR UPDATE")
        return int(turn)

    @contextmanager
    def _within(self) -> Iterator[None]:
        assert self._open is None, "a transaction within a transaction"
        with self._server.transaction() as self._open:
            try:
                self._open.execute("SELECT set_config('search_path', %s, true)", (f'"{self._schema}"',))
                yield
            finally:
                self._open = None


def schema_of(model: str) -> str:
    """The schema of a model's tables."""
    name = f"keepsight_retrain_{model}"
    if len(name) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(model.encode()).hexdigest()[:12]
    return f"{name[: _NAME_BYTES - 13]}_{digest}"


@contextmanager
def _holding() -> Iterator[None]:
    """What the server refuses to hold, as ValueError."""
    try:
        yield
    except UNHOLDABLE as error:
        raise ValueError(f"the state cannot hold it: {' '.join(str(error).split())}") from error


@lru_cache(maxsize=256)
def _translated(sql: str) -> bytes:
    return sql.replace("%", "%%").replace("?", "%s").encode()
