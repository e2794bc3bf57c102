"""Which state the settings name: a file of this host, or PostgreSQL for services on several."""

from pathlib import Path

from retrain.state.connection import State
from retrain.state.sqlite import SqliteState


def open_state(url: str, password: str, path: Path, model: str) -> State:
    """PostgreSQL at `url`; without one the SQLite file at `path`. Raises StoreError while it does not answer, SettingsError when a person must act."""
    if not url:
        return SqliteState(path, model)
    from retrain.state.postgres import PostgresState  # its driver is an extra

    return PostgresState(url, password, model)
