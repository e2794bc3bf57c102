"""What is decided stands in the ledger and on the log alike: a reader of the log can follow the chain."""

from pathlib import Path

from contracts.events import Decided, decode
from contracts.logs import Logger
from contracts.ports import Place, Record
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.ledger import GENESIS, chained
from retrain.state.sqlite import SqliteState


def test_every_decision_is_an_event_that_carries_its_row(tmp_path: Path) -> None:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    journal = Journal(database, "small", Logger("test"))
    with database.transaction():
        journal.note("request_joined", 100.0, key="k", job="a", why="once more")
        journal.note("command_refused", 101.0, by="ada", cameras=("a", "b"))
    _, records = database.outbox()
    events = [decode(Record(Place(one.topic, 0), 0, one.key, one.value, one.headers, 0)) for one in records]
    previous = GENESIS
    for event, row in zip(events, journal.ledger.rows(), strict=True):
        assert isinstance(event, Decided)
        assert (event.sequence, event.kind, event.occurred_at, event.hash) == (row.sequence, row.kind, row.at, row.hash)
        assert chained(previous, event.sequence, event.occurred_at, event.kind, event.body) == event.hash
        previous = event.hash
    database.close()
