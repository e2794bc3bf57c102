"""Which state the settings name, a file of this host or PostgreSQL for services on several, and the wait for it."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contracts.errors import StoreError
from contracts.logs import Logger
from retrain.state.connection import State
from retrain.state.sqlite import SqliteState

RETRY_S: Final = 1.0


def open_state(url: str, password: str, path: Path, model: str) -> State:
    """PostgreSQL at `url`; without one the SQLite file at `path`. Raises StoreError while it does not answer, SettingsError when a person must act."""
    if not url:
        return SqliteState(path, model)
    from retrain.state.postgres import PostgresState  # its driver is an extra

    return PostgresState(url, password, model)


def wait_for_state(open_it: Callable[[], State], stop: threading.Event, log: Logger) -> State | None:
    """The state, once it answers; None when `stop` was set first. Raises SettingsError when a person must act."""
    while not stop.is_set():
        try:
            return open_it()
        except StoreError as error:
            log.warning("waiting", why=str(error), retry_s=RETRY_S)
            stop.wait(RETRY_S)
    return None
