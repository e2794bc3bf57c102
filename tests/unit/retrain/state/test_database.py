"""What the service remembers: all of a turn or nothing of it, and events that leave exactly when their turn held."""

from pathlib import Path

import pytest

from contracts.events import Approve
from contracts.ports import Place
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState

EVENT = Approve(event_id="e1", occurred_at=1.0, model="m", version="2", by="ada")


def test_a_turn_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(SqliteState(tmp_path / "s", "small"), "test")

    def turn() -> None:
        with database.transaction():
            database.save_offsets({Place("t", 0): 7})
            database.publish_later(EVENT)
            database.first_time("e", 10.0)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        turn()
    assert database.offsets() == {}
    assert database.outbox() == (0, [])
    assert database.first_time("e", 10.0)
    database.close()


def test_a_record_that_raises_leaves_the_others_of_its_turn(tmp_path: Path) -> None:
    database = Database(SqliteState(tmp_path / "s", "small"), "test")

    def record() -> None:
        with database.savepoint():
            database.remember("bad", "1")
            raise ValueError

    with database.transaction():
        database.remember("good", "1")
        with pytest.raises(ValueError):
            record()
    assert (database.fact("good"), database.fact("bad")) == ("1", None)
    database.close()


def test_state_is_there_after_a_restart(tmp_path: Path) -> None:
    first = Database(SqliteState(tmp_path / "s", "small"), "test")
    with first.transaction():
        first.save_offsets({Place("t", 0): 7, Place("t", 1): 2})
        first.publish_later(EVENT)
    first.close()
    second = Database(SqliteState(tmp_path / "s", "small"), "test")
    assert second.offsets() == {Place("t", 0): 7, Place("t", 1): 2}
    last, records = second.outbox()
    assert [record.headers["ce_id"] for record in records] == ["e1"]
    second.published(last)
    assert second.outbox() == (0, [])
    second.close()


def test_ids_are_known_until_they_are_let_go(tmp_path: Path) -> None:
    database = Database(SqliteState(tmp_path / "s", "small"), "test")
    assert database.first_time("e", until=10.0)
    assert not database.first_time("e", until=10.0)
    database.forget_seen(9.0)
    assert not database.first_time("e", until=10.0)
    database.forget_seen(11.0)
    assert database.first_time("e", until=20.0)
    database.close()
