"""What the retrain service remembers: effects, the log's offsets and the events to publish, saved together in the state that the settings name.

A turn of the service is one transaction, so that a process killed at any instant resumes with no event counted twice or missed. Events wait in the
outbox with the ids they were given there: publishing one twice is the same event. The tables of each noun are used in its own module.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from contracts.events import AnyEvent, encode
from contracts.ports import Outgoing, Place
from retrain.state.connection import Connection, State

_HEADERS: Final = msgspec.json.Decoder(dict[str, str])


class Database:
    """A state, and what the service keeps in it beside its nouns. `source` names this process in the events that leave. See `connection.State`."""

    def __init__(self, state: State, source: str) -> None:
        self._state = state
        self._source = source

    @property
    def sql(self) -> Connection:
        """Statements; outside of a transaction for reading."""
        return self._state.sql

    def take(self) -> None:
        """From now on ours: who owned it before can change nothing any more, nor publish what it had decided."""
        self._state.take()

    def transaction(self) -> AbstractContextManager[None]:
        """All of it or nothing. Raises TakenOverError when another service took the state."""
        return self._state.transaction()

    def savepoint(self) -> AbstractContextManager[None]:
        """Inside a transaction: undo one record's effects and keep the others'."""
        return self._state.savepoint()

    def first_time(self, event_id: str, until: float) -> bool:
        """True once for each event id: a handler that has seen it does nothing. The id is kept until `until` (Unix seconds)."""
        insert = "INSERT INTO seen VALUES (?, ?) ON CONFLICT (event_id) DO NOTHING"
        return self.sql.execute(insert, (event_id, until)).rowcount == 1

    def forget_seen(self, now: float) -> None:
        """Let the ids go that no publisher still repeats."""
        self.sql.execute("DELETE FROM seen WHERE until < ?", (now,))

    def offsets(self) -> dict[Place, int]:
        """The next offset to read of each place of the log."""
        rows = self.sql.execute("SELECT topic, partition, next_offset FROM offsets")
        return {Place(topic, number): at for topic, number, at in rows}

    def save_offsets(self, offsets: Mapping[Place, int]) -> None:
        """The next offsets to read, saved with the effects of what was read."""
        insert = (
            "INSERT INTO offsets VALUES (?, ?, ?) ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset"
        )
        self.sql.executemany(insert, [(*place, at) for place, at in offsets.items()])

    def publish_later(self, event: AnyEvent) -> None:
        """Put an event into the outbox: it is published exactly when this transaction holds."""
        record = encode(event, self._source)
        row = (record.topic, record.key, record.value, msgspec.json.encode(record.headers))
        self.sql.execute("INSERT INTO outbox (topic, key, value, headers) VALUES (?, ?, ?, ?)", row)

    def outbox(self, limit: int = 500) -> tuple[int, list[Outgoing]]:
        """The oldest unpublished records and the sequence of the last of them (0 when there is none). Raises TakenOverError as a transaction does."""
        query = "SELECT sequence, topic, key, value, headers FROM outbox ORDER BY sequence LIMIT ?"
        with self.transaction():
            rows = self.sql.execute(query, (limit,)).fetchall()
        return (rows[-1][0] if rows else 0), [Outgoing(row[1], row[2], row[3], _HEADERS.decode(row[4])) for row in rows]

    def published(self, up_to: int) -> None:
        """The log holds the outbox up to this sequence."""
        with self.transaction():
            self.sql.execute("DELETE FROM outbox WHERE sequence <= ?", (up_to,))

    def unpublished(self) -> int:
        """Records in the outbox."""
        ((count,),) = self.sql.execute("SELECT count(*) FROM outbox")
        return int(count)

    def fact(self, name: str) -> str | None:
        """A single remembered value."""
        row = self.sql.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def remember(self, name: str, value: str | None) -> None:
        """Set or (None) forget a single value."""
        if value is None:
            self.sql.execute("DELETE FROM facts WHERE name = ?", (name,))
        else:
            insert = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            self.sql.execute(insert, (name, value))

    def close(self) -> None:
        """Let go of the state."""
        self._state.close()
