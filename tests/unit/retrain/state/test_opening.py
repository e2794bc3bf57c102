"""The state that the settings name, and the wait for one that does not answer yet."""

import threading
from pathlib import Path

import pytest

from contracts.errors import SettingsError, StoreError
from contracts.logs import Logger
from retrain.state import opening
from retrain.state.connection import State
from retrain.state.opening import open_state, wait_for_state
from retrain.state.sqlite import SqliteState

LOG = Logger("test")


def test_a_state_that_is_away_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "RETRY_S", 0.0)
    tries: list[int] = []

    def open_it() -> State:
        tries.append(1)
        if len(tries) < 3:
            raise StoreError("away")
        return open_state("", "", tmp_path / "s", "small")

    state = wait_for_state(open_it, threading.Event(), LOG)
    assert isinstance(state, SqliteState)
    assert (state.model, len(tries)) == ("small", 3)
    state.close()


def test_the_wait_ends_when_the_service_is_stopped() -> None:
    stop = threading.Event()

    def away() -> State:
        stop.set()
        raise StoreError("away")

    assert wait_for_state(away, stop, LOG) is None


def test_what_a_person_must_mend_is_not_waited_for() -> None:
    with pytest.raises(SettingsError, match="no postgresql://"):
        wait_for_state(lambda: open_state("mysql://x", "", Path("unused"), "small"), threading.Event(), LOG)
