"""Says each decision three ways at once: the event that the other services read, the row of the ledger, and the line of the log."""

from contracts.channels import Channels
from contracts.events import AnyEvent
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
        """A decision: ledger and log."""
        self.ledger.append(kind, now, **facts)
        self._log.info(kind, **facts)

    def say(self, event: AnyEvent) -> None:
        """An event for the other services."""
        self.database.publish_later(event)

    def channel_history(self, history: list[Channels], now: float) -> None:
        """Enter what became of the channels into the ledger."""
        self.ledger.take_over(history, now)
