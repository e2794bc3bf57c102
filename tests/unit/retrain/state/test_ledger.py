"""The ledger: its chain breaks at the row that was touched, and it holds every change of the channels once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.channels import Channels
from contracts.repository import changed
from retrain.state.database import Database
from retrain.state.ledger import Ledger, chained
from retrain.state.sqlite import SqliteState


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    yield opened
    opened.close()


def filled(database: Database) -> Ledger:
    ledger = Ledger(database)
    for i in range(5):
        ledger.append("decision", 100.0 + i, number=i, why="because")
    return ledger


def test_an_untouched_chain_holds(database: Database) -> None:
    ledger = filled(database)
    assert ledger.broken_at() is None
    assert [row.body["number"] for row in ledger.rows()] == [0, 1, 2, 3, 4]
    assert len({row.hash for row in ledger.rows()}) == 5


@pytest.mark.parametrize(
    ("tampering", "row"),
    [
        ("UPDATE ledger SET body = replace(body, 'because', 'whatever') WHERE sequence = 3", 3),
        ("UPDATE ledger SET at = at - 1 WHERE sequence = 1", 1),
        ("UPDATE ledger SET kind = 'other' WHERE sequence = 5", 5),
        ("DELETE FROM ledger WHERE sequence = 2", 3),
        ("UPDATE ledger SET hash = (SELECT hash FROM ledger WHERE sequence = 1) WHERE sequence = 4", 4),
    ],
)
def test_a_touched_row_is_named(database: Database, tampering: str, row: int) -> None:
    ledger = filled(database)
    database.sql.execute(tampering)
    assert ledger.broken_at() == row


def test_a_row_rewritten_with_a_fitting_hash_breaks_the_next(database: Database) -> None:
    ledger = filled(database)
    before, row = ledger.rows()[1:3]
    body = '{"why": "another reason"}'
    digest = chained(before.hash, row.sequence, row.at, row.kind, body)
    database.sql.execute("UPDATE ledger SET body = ?, hash = ? WHERE sequence = ?", (body, digest, row.sequence))
    assert ledger.broken_at() == row.sequence + 1


def test_channel_changes_are_entered_once_with_what_they_replaced(database: Database) -> None:
    ledger = Ledger(database)
    first = Channels(champion="1", sequence=1, by="bootstrap")
    second = changed(first, 5.0, "retrain", "shadow", shadow="2")
    third = changed(second, 6.0, "ada", "by hand", champion="2")

    def about(version: str) -> dict[str, str]:
        return {"digest": f"digest {version}"}

    ledger.take_over([first, second], 10.0, about)
    ledger.take_over([first, second, third], 11.0, about)
    ledger.take_over([first, second, third], 12.0, about)
    assert [row.body["after"]["sequence"] for row in ledger.rows()] == [1, 2, 3]
    assert ledger.rows()[0].body["before"] is None
    assert ledger.rows()[2].body["before"]["shadow"] == "2"
    assert ledger.rows()[2].body["after"]["by"] == "ada"
    assert ledger.rows()[2].body["versions"] == {"1": {"digest": "digest 1"}, "2": {"digest": "digest 2"}}
    assert ledger.channels_sequence() == 3
