"""A transaction that SQLite gives up by itself, as it may on a full disk: nothing of it stays, not even what is said after."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from contracts.errors import StoreError
from retrain.state.sqlite import SqliteState


@pytest.fixture
def state(tmp_path: Path) -> Iterator[SqliteState]:
    state = SqliteState(tmp_path / "state.sqlite3", "small")
    yield state
    state.close()


def gives_up(state: SqliteState) -> None:
    """As with SQLITE_FULL: the statement fails, and the transaction is gone."""
    state._connection.execute("ROLLBACK")
    raise StoreError("database or disk is full")


def facts(state: SqliteState) -> list[str]:
    return [name for (name,) in state.execute("SELECT name FROM facts ORDER BY name")]


def turn(state: SqliteState, *after: str) -> None:
    """A turn in which somebody catches what failed, and goes on."""
    with state.transaction():
        state.execute("INSERT INTO facts VALUES ('before', '')")
        with suppress(StoreError), state.savepoint():
            gives_up(state)
        for name in after:
            state.execute("INSERT INTO facts VALUES (?, '')", (name,))


@pytest.mark.parametrize("after", [(), ("after",)])
def test_what_follows_in_the_turn_is_refused_and_nothing_stays(state: SqliteState, after: tuple[str, ...]) -> None:
    with pytest.raises(StoreError, match=r"gave the transaction in .* up by itself: is the disk full"):
        turn(state, *after)
    assert facts(state) == []
    with state.transaction():
        state.executemany("INSERT INTO facts VALUES (?, ?)", [("later", "")])
    assert facts(state) == ["later"]
