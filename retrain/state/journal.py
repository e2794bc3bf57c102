"""Says each decision at once to all who must know: a row of the ledger, that row as an event, and a line of the log; beside them the events of its noun."""

from collections.abc import Callable, Mapping, Sequence

from contracts.channels import Channels
from contracts.events import AnyEvent, Decided
from contracts.ids import new_id
from contracts.logs import Logger
from retrain.state.database import Database
from retrain.state.ledger import Ledger


class Journal:
    """Called inside the transaction that holds the decision; events leave through its outbox. What is said of whom stands in each room's telling.py."""

    def __init__(self, database: Database, model: str, log: Logger) -> None:
        self.database = database
        self.model = model
        self._log = log
        self.ledger = Ledger(database)

    def note(self, kind: str, now: float, **facts: object) -> None:
        """A decision."""
        row = self.ledger.append(kind, now, **facts)
        self._log.info(kind, **facts)
        self.say(
            Decided(
                event_id=new_id(now),
                occurred_at=now,
                model=self.model,
                sequence=row.sequence,
                kind=kind,
                body=row.body,
                hash=row.hash,
            )
        )

    def say(self, event: AnyEvent) -> None:
        """An event for the other services."""
        self.database.publish_later(event)

    def channel_history(self, history: Sequence[Channels], now: float, about: Callable[[str], Mapping[str, str]]) -> None:
        """Enter what became of the channels into the ledger, with what is known `about` the versions named."""
        self.ledger.take_over(history, now, about)
