"""The state for who only reads it, beside a running service or without one: nothing is made, taken over or changed."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from contracts.errors import SettingsError, StoreError
from retrain.state.connection import Result, Value
from retrain.state.ledger import Text, texts

Execute = Callable[[str, Sequence[Value]], Result]
_CAMERAS: Final = " UNION ".join(f"SELECT camera FROM {table}" for table in ("labels", "pool", "cameras", "faults"))


def ledger_rows(url: str, password: str, path: Path, model: str) -> list[Text]:
    """All rows, oldest first, of the state in PostgreSQL at `url`, or without one in the SQLite file at `path`.

    Raises SettingsError where there is no such state, StoreError when it does not answer.
    """
    with _opened(url, password, path, model) as execute:
        return list(texts(execute))


def cameras_seen(url: str, password: str, path: Path, model: str) -> list[str]:
    """The cameras that the state knows frames of: labelled, kept to be labelled, counted in the newest rollout; and those that had a fault. Raises as above."""
    with _opened(url, password, path, model) as execute:
        return [str(camera) for (camera,) in execute(f"{_CAMERAS} ORDER BY 1", ())]


def _opened(url: str, password: str, path: Path, model: str) -> AbstractContextManager[Execute]:
    return _in_postgres(url, password, model) if url else _in_file(path)


@contextmanager
def _in_file(path: Path) -> Iterator[Execute]:
    if not path.exists():
        raise SettingsError(f"there is no ledger in {path}: run this where the retrain service keeps its state, or set `state`")
    connection = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
        connection.execute("BEGIN")
        reading = connection
        yield lambda sql, values: Result(reading.execute(sql, values).fetchall(), -1)
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the retrain service's state in {path} cannot be read: {error}; read it as the service's user") from error
    finally:
        if connection is not None:
            connection.close()


@contextmanager
def _in_postgres(url: str, password: str, model: str) -> Iterator[Execute]:
    from contracts.postgres import Postgres  # its driver is an extra
    from retrain.state.postgres import schema_of

    server = Postgres(url, password, "retrain")
    try:
        with server.transaction() as session:
            if session.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema_of(model),)).fetchone() is None:
                raise SettingsError(f"{server.name} holds no state of the model {model!r}")
            session.execute("SELECT set_config('search_path', %s, true)", (f'"{schema_of(model)}"',))
            yield lambda sql, values: Result(session.execute(sql.replace("?", "%s").encode(), values).fetchall(), -1)
    finally:
        server.close()
