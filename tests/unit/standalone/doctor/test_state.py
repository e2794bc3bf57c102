"""State in files and in PostgreSQL: of this release and these settings, and readable."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.errors import KeepsightError
from standalone.doctor import state
from standalone.doctor.told import SETTINGS
from tests.doctors import Settings, only


def test_state_in_files(told: Settings, tmp_path: Path) -> None:
    assert [only(state.state(told(name))).verdict for name in SETTINGS] == ["ok"] * 3
    from monitor.store import Store
    from retrain.state.sqlite import SqliteState

    Store(tmp_path / "state" / "monitor-photographs.sqlite", "block_frames=64").close()
    SqliteState(tmp_path / "state" / "retrain" / "state.sqlite3", "photographs").close()
    assert only(state.state(told("monitor"))).verdict == "ok"
    assert only(state.state(told("monitor", block_frames=32))).fix.startswith("set block_frames back")
    other = only(state.state(replace(told("monitor"), state_format=99)))
    assert (other.verdict, "this release reads 99" in other.said, other.fix.split(",")[0]) == (
        "FAIL",
        True,
        "run the release that wrote it",
    )
    assert only(state.state(told("retrain"))).verdict == "ok"
    assert "brings it to 3" in only(state.state(replace(told("retrain"), state_format=3))).said
    assert only(state.state(replace(told("retrain"), state_format=1))).verdict == "FAIL"
    (tmp_path / "state" / "retrain" / "state.sqlite3").write_bytes(b"x" * 4096)
    with pytest.raises(KeepsightError, match="restore it"):
        list(state.state(told("retrain")))


def test_state_in_postgres(told: Settings, tmp_path: Path) -> None:
    from tests import postgres_server

    server = postgres_server.server()
    from monitor.store_postgres import PostgresStore
    from retrain.state.postgres import PostgresState, schema_of

    place = {"state_url": server.url(server.database()), "state_password": postgres_server.PASSWORD}
    monitor, retrain = told("monitor", **place), replace(told("retrain", **place), state_schema=schema_of("photographs"))
    assert next(state.state(monitor)).said.startswith("none yet")
    PostgresStore(*place.values(), "photographs", "block_frames=64").close()
    PostgresState(*place.values(), "photographs").close()
    assert [one.verdict for look in (monitor, retrain) for one in state.state(look)] == ["ok"] * 4
    assert [one.verdict for one in state.state(retrain, lambda: time.time() + 60.0)] == ["ok", "FAIL"]
    assert [one.verdict for one in state.state(replace(retrain, state_format=3))] == ["FAIL", "ok"]
    with pytest.raises(KeepsightError, match="password authentication failed"):
        list(state.state(told("monitor", state_url=place["state_url"], state_password="wrong")))
