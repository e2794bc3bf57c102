"""A connection to PostgreSQL for a service's state: transactions that end in all or nothing within ANSWER_S, and what the server says as our errors.

A connection that was lost is made anew at the next transaction. One that froze ends by the clock: the server ends a transaction that stands idle after
IDLE_S, and the client gives an answer up after ANSWER_S.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeAlias

from contracts.errors import SettingsError, StoreError

try:
    import psycopg
    from psycopg import conninfo
except ImportError as missing:
    raise SettingsError("state_url needs the PostgreSQL driver: install keepsight[postgres]") from missing

CONNECT_S: Final = 5
STATEMENT_S: Final = 15
LOCK_S: Final = 5
"""How long another's transaction is waited for."""
IDLE_S: Final = 10
"""After so long the server ends the transaction of a client that froze in the middle of it."""
ANSWER_S: Final = 20.0
"""A server that says nothing for so long within a transaction counts as away; beyond STATEMENT_S it is not the statement that takes so long."""
DEAD_HOST_MS: Final = 15_000

Session: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"
Rows: TypeAlias = "psycopg.Cursor[tuple[Any, ...]]"
UNHOLDABLE: Final = (psycopg.IntegrityError, psycopg.DataError)
"""What the server raises for values that a table cannot hold."""


class Postgres:
    """One connection, made when it is needed. Used from one thread. `name` is how messages call the server: never with a password."""

    def __init__(self, url: str, password: str, service: str) -> None:
        """`service` (`monitor`, `retrain`) stands in messages and in the server's list of clients. Raises SettingsError for a url that is none."""
        self._asked, self.name = _asked(url, password, f"keepsight-{service}")
        self._service = service
        self._connection: Session | None = None
        self._wire: socket.socket | None = None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """All of it or nothing; a connection that failed is not used again.

        Raises StoreError while the server does not answer: then nothing has changed, or all has. Raises SettingsError when a person must act.
        """
        try:
            connection = self._connected()
            assert self._wire is not None
            patience = threading.Timer(ANSWER_S, _hang_up, (self._wire,))
            patience.daemon = True
            patience.start()
            try:
                with connection.transaction():
                    yield connection
            finally:
                patience.cancel()
        except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            self._drop()
            raise SettingsError(f"{self.name} refuses the {self._service}'s state: {_said(error)}; see docs/replicas.md") from error
        except (psycopg.Error, OSError) as error:
            self._drop()
            raise StoreError(f"the {self._service}'s state in {self.name} cannot be read or written: {_said(error)}") from error

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        connection, self._connection = self._connection, None
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        if connection is not None:
            connection.close()

    def _connected(self) -> Session:
        if self._connection is None:
            self._connection = psycopg.connect(self._asked, autocommit=True, prepare_threshold=None)
            self._wire = socket.socket(fileno=os.dup(self._connection.fileno()))
            limits = {"statement": STATEMENT_S, "lock": LOCK_S, "idle_in_transaction_session": IDLE_S}
            for what, seconds in limits.items():
                self._connection.execute("SELECT set_config(%s, %s, false)", (f"{what}_timeout", f"{seconds}s"))
        return self._connection

    def _drop(self) -> None:
        with suppress(Exception):  # what failed may fail to close
            self.close()


def _asked(url: str, password: str, application: str) -> tuple[str, str]:
    """What to connect with, and how messages call it."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingsError("state_url is no postgresql://user@host:port/database")
    try:
        parts = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise SettingsError(
            "state_url cannot be read (not shown, it may hold a password): postgresql://user@host:port/database"
        ) from None
    name = f"PostgreSQL at {parts.get('host', 'this host')}, database {parts.get('dbname', parts.get('user', 'by default'))}"
    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": DEAD_HOST_MS,
        "application_name": application,
    }
    if password:
        parts["password"] = password
    return conninfo.make_conninfo(**{**ours, **parts}), name


def _hang_up(wire: socket.socket) -> None:
    """Ends a wait for an answer, from another thread: the client sees a closed connection."""
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
