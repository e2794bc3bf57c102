"""The monitor's memory in PostgreSQL: what `store.py` is, for replicas on several hosts. Its tables hold any number of models.

Every transaction that changes something first locks the model's turn, a row, and looks whether it is still ours. So transactions of one model follow
each other, also one whose client or server froze in the middle of it (see contracts/postgres.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from contracts.errors import SettingsError, TakenOverError
from contracts.ports import Outgoing, Place
from contracts.postgres import Postgres, Rows, Session
from monitor.memory import KINDS, Memory
from monitor.store import SCHEMA, misfit

ROWS: Final = 1000
"""Parts written at once: some 8 MB."""
_TABLES: Final = """
CREATE TABLE keepsight_monitor_meta (model text, name text, value text NOT NULL, PRIMARY KEY (model, name));
CREATE TABLE keepsight_monitor_part (
    model text, kind text, key text, number bigint GENERATED ALWAYS AS IDENTITY, value bytea NOT NULL, PRIMARY KEY (model, kind, key));
CREATE TABLE keepsight_monitor_place (model text, topic text, partition integer, next_offset bigint NOT NULL, PRIMARY KEY (model, topic, partition));
CREATE TABLE keepsight_monitor_outbox (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, model text NOT NULL, topic text NOT NULL, key text NOT NULL, value bytea NOT NULL,
    headers bytea NOT NULL);
ALTER TABLE keepsight_monitor_part ALTER COLUMN value SET STORAGE EXTERNAL
"""
"""EXTERNAL: numbers hardly compress, and trying costs the server more than all else."""
_LOCK: Final = 0x6B656570
"""Of the advisory lock under which the tables are made; any number that nobody else uses."""
_SAVE_PARTS: Final = """
INSERT INTO keepsight_monitor_part (model, kind, key, value)
SELECT %s, kind, key, value FROM unnest(%s::text[], %s::text[], %s::bytea[]) WITH ORDINALITY AS new (kind, key, value, nth) ORDER BY nth
ON CONFLICT (model, kind, key) DO UPDATE SET value = excluded.value
"""
_SAVE_PLACES: Final = """
INSERT INTO keepsight_monitor_place SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::bigint[])
ON CONFLICT (model, topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""
_SAVE_LETTERS: Final = """
INSERT INTO keepsight_monitor_outbox (model, topic, key, value, headers)
SELECT %s, topic, key, value, headers FROM unnest(%s::text[], %s::text[], %s::bytea[], %s::bytea[]) WITH ORDINALITY AS new (topic, key, value, headers, nth)
ORDER BY nth
"""
_DROP_PARTS: Final = """
DELETE FROM keepsight_monitor_part AS part USING unnest(%s::text[], %s::text[]) AS gone (kind, key)
WHERE model = %s AND part.kind = gone.kind AND part.key = gone.key
"""


class PostgresStore:
    """One model's state; see `stores.Store`. Used from one thread. A connection that was lost is made anew at the next call."""

    def __init__(self, url: str, password: str, model: str, fingerprint: str) -> None:
        """Connect, and make the tables if they are missing. Raises StoreError and SettingsError."""
        self._server = Postgres(url, password, "monitor")
        self._model = model
        self._turn = 0
        try:
            with self._transaction() as connection:
                self._make(connection, f"{SCHEMA} {fingerprint}")
        except BaseException:
            self.close()
            raise

    def load(self) -> Memory:
        """The memory as last saved, and from now on ours: who loaded it before can change nothing any more."""
        memory = Memory()
        with self._transaction() as connection:
            took = "UPDATE keepsight_monitor_meta SET value = value::bigint + 1 WHERE model = %s AND name = 'turn' RETURNING value::bigint"
            (turn,) = _row(connection.execute(took, (self._model,)))
            asked = "SELECT kind, value FROM keepsight_monitor_part WHERE model = %s ORDER BY number"
            for kind, value in connection.execute(asked, (self._model,), binary=True):
                memory.restore(msgspec.msgpack.decode(value, type=KINDS[kind]))
        self._turn = turn
        return memory

    def offsets(self) -> dict[Place, int]:
        """The next offset to read of each place."""
        with self._transaction() as connection:
            asked = "SELECT topic, partition, next_offset FROM keepsight_monitor_place WHERE model = %s"
            return {Place(topic, number): at for topic, number, at in connection.execute(asked, (self._model,))}

    def save(self, memory: Memory, offsets: Mapping[Place, int], outgoing: Sequence[Outgoing]) -> None:
        """Save what changed, how far the log was taken, and what is to be published: all or nothing."""
        encode = msgspec.msgpack.Encoder().encode
        changed = [(kind, key, memory.part(kind, key)) for kind, key in memory.dirty]
        gone = [(kind, key) for kind, key, part in changed if part is None]
        kept = [(kind, key, part) for kind, key, part in changed if part is not None]
        with self._transaction() as connection:
            self._check_turn(connection)
            if gone:
                connection.execute(_DROP_PARTS, (*_columns(gone, 2), self._model))
            for at in range(0, len(kept), ROWS):
                rows = [(kind, key, encode(part)) for kind, key, part in kept[at : at + ROWS]]
                connection.execute(_SAVE_PARTS, (self._model, *_columns(rows, 3)))
            if offsets:
                places = [(place.topic, place.partition, at) for place, at in offsets.items()]
                connection.execute(_SAVE_PLACES, (self._model, *_columns(places, 3)))
            if outgoing:
                letters = [(o.topic, o.key, o.value, msgspec.json.encode(o.headers)) for o in outgoing]
                connection.execute(_SAVE_LETTERS, (self._model, *_columns(letters, 4)))
        memory.dirty.clear()

    def unsent(self, limit: int = 500) -> tuple[list[Outgoing], int]:
        """The oldest letters of the outbox, and the number of the last of them (0 without any)."""
        with self._transaction() as connection:
            self._check_turn(connection)
            asked = "SELECT sequence, topic, key, value, headers FROM keepsight_monitor_outbox WHERE model = %s ORDER BY sequence LIMIT %s"
            rows = connection.execute(asked, (self._model, limit), binary=True).fetchall()
        letters = [
            Outgoing(topic, key, value, msgspec.json.decode(headers, type=dict[str, str])) for _, topic, key, value, headers in rows
        ]
        return letters, rows[-1][0] if rows else 0

    def sent(self, up_to: int) -> None:
        """Strike out the letters up to a number: the log holds them."""
        with self._transaction() as connection:
            self._check_turn(connection)
            connection.execute("DELETE FROM keepsight_monitor_outbox WHERE model = %s AND sequence <= %s", (self._model, up_to))

    def close(self) -> None:
        """Close the connection. Safe to call twice."""
        self._server.close()

    def _make(self, connection: Session, wanted: str) -> None:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))  # first: a session remembers a name that it did not find
        if not _row(connection.execute("SELECT to_regclass('keepsight_monitor_outbox') IS NOT NULL"))[0]:
            connection.execute(_TABLES)
        connection.execute(
            "INSERT INTO keepsight_monitor_meta VALUES (%s, 'made for', %s), (%s, 'turn', '0') ON CONFLICT DO NOTHING",
            (self._model, wanted, self._model),
        )
        asked = "SELECT name, value FROM keepsight_monitor_meta WHERE model = %s"
        found: dict[str, str] = dict(connection.execute(asked, (self._model,)).fetchall())
        if found["made for"] != wanted:
            raise misfit(
                f"the state of {self._model!r} in {self._server.name}", found["made for"], wanted, "delete the model's rows"
            )
        self._turn = int(found["turn"])

    def _check_turn(self, connection: Session) -> None:
        asked = "SELECT value::bigint FROM keepsight_monitor_meta WHERE model = %s AND name = 'turn' FOR UPDATE"
        (turn,) = _row(connection.execute(asked, (self._model,)))
        if turn != self._turn:
            raise TakenOverError(
                f"the state of {self._model!r} in {self._server.name} was taken over by another monitor (turn {turn}, ours was {self._turn})"
            )

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        try:
            with self._server.transaction() as connection:
                yield connection
        except (msgspec.MsgspecError, KeyError) as error:
            raise SettingsError(
                f"the state of {self._model!r} in {self._server.name} is damaged ({type(error).__name__}: {error}): restore it from a copy, or delete the "
                "model's rows: what the log still holds is then judged anew"
            ) from error


def _columns(rows: Sequence[tuple[Any, ...]], count: int) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(count)]


def _row(cursor: Rows) -> tuple[Any, ...]:
    row = cursor.fetchone()
    if row is None:
        raise KeyError("a row of keepsight_monitor_meta is gone")
    return row
