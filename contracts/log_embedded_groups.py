"""Consumer groups of the embedded log: who is alive, and who holds which place. No leader: every member computes the same shares.

Members are rows with a lease that a small thread renews; a hold is a row whose key is (group, place), so that two members cannot hold one place,
ever. A member gives up what is no longer its share, takes what is free, and waits for the rest. Shares are contiguous ranges in the order of
joining, topic by topic: topics with equally many partitions are shared alike, so that a camera's frames and its labels meet in one member.
Where one member is to hold everything, it is the one that joined first of those alive; one that was silent for too long joins anew, as the last.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from contracts.errors import LogError
from contracts.log_embedded_store import answering, connect, writing

_BEATS_PER_LEASE: Final = 5
_FORGOTTEN_S: Final = 300.0
"""A member whose reader has not polled for so long stops renewing its lease: its thread hangs (Kafka's max.poll.interval.ms)."""
_LOG: Final = logging.getLogger(__name__)


def shares(members: Sequence[tuple[int, frozenset[str]]], places: Mapping[str, Sequence[int]], sole: bool) -> dict[int, int]:
    """Which member each place belongs to: per topic, contiguous ranges among those who read it, in the order given; `sole`: all to the first.

    >>> shares([(7, frozenset("ab")), (9, frozenset("a"))], {"a": [1, 2, 3, 4], "b": [5, 6]}, sole=False)
    {1: 7, 2: 7, 3: 9, 4: 9, 5: 7, 6: 7}
    """
    owners: dict[int, int] = {}
    for topic, of_topic in places.items():
        readers = [member for member, topics in members if topic in topics]
        for i, place in enumerate(of_topic if readers else ()):
            owners[place] = readers[0 if sole else i * len(readers) // len(of_topic)]
    return owners


class Membership:
    """One member of `group`. The reader's thread calls everything but the heartbeat, which has a thread and a connection of its own."""

    def __init__(
        self, folder: Path, group: str, topics: Sequence[str], sole: bool, lease_s: float, clock: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._group = group
        self._topics = json.dumps(sorted(topics))
        self._sole = sole
        self._lease_s = lease_s
        self._clock = clock
        self._member = 0
        self._settled_at = time.monotonic()
        self._stop = threading.Event()
        self._heart: threading.Thread | None = None

    def settle(self, connection: sqlite3.Connection) -> frozenset[int]:
        """Give up and take places towards this member's share; the places held now. Others may still have to let go of the rest."""
        self._settled_at = time.monotonic()
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name=f"log-member-{self._group}", daemon=True)
            self._heart.start()
        held, share = self._held_and_share(connection)
        if held != share or not self._alive(connection):
            with writing(connection):
                self._bury(connection)
                self._join(connection)
                held = self._trade(connection)
        return held

    def held(self, connection: sqlite3.Connection) -> frozenset[int]:
        """The places that are this member's in the log as the connection sees it now."""
        rows = connection.execute("SELECT place FROM holds WHERE grp = ? AND member = ?", (self._group, self._member))
        return frozenset(row[0] for row in rows.fetchall())

    def commit(self, connection: sqlite3.Connection, next_offsets: Mapping[int, int]) -> None:
        """Record the group's offsets for the places still held: a member that lost a place cannot turn its successor back."""
        with writing(connection):
            held = self.held(connection)
            rows = [(self._group, place, at) for place, at in next_offsets.items() if place in held]
            connection.executemany("INSERT OR REPLACE INTO commits (grp, place, next_offset) VALUES (?, ?, ?)", rows)

    def leave(self, connection: sqlite3.Connection | None) -> None:
        """Stop the heartbeat and free the places. Without a connection the lease does it."""
        self._stop.set()
        if self._heart is not None:
            self._heart.join(timeout=self._lease_s)
        if connection is not None and self._member:
            with writing(connection):
                self._remove(connection, self._member)

    def _alive(self, connection: sqlite3.Connection) -> bool:
        row = connection.execute("SELECT expires_ms FROM members WHERE id = ?", (self._member,)).fetchone()
        return row is not None and not self._expired(row[0])

    def _held_and_share(self, connection: sqlite3.Connection) -> tuple[frozenset[int], frozenset[int]]:
        rows = connection.execute("SELECT id, topics, expires_ms FROM members WHERE grp = ? ORDER BY id", (self._group,)).fetchall()
        living = [(member, frozenset(json.loads(topics))) for member, topics, until in rows if not self._expired(until)]
        owners = shares(living, _places(connection, json.loads(self._topics)), self._sole)
        return self.held(connection), frozenset(place for place, member in owners.items() if member == self._member)

    def _expired(self, expires_ms: int) -> bool:
        """A lease far in the future was written by a clock that has since been set back: it counts as expired, too."""
        left_s = expires_ms / 1000 - self._clock()
        return left_s < 0 or left_s > 10 * self._lease_s + 60

    def _bury(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT id, expires_ms FROM members WHERE grp = ?", (self._group,)).fetchall()
        for member, expires_ms in rows:
            if self._expired(expires_ms):
                self._remove(connection, member)

    def _remove(self, connection: sqlite3.Connection, member: int) -> None:
        connection.execute("DELETE FROM holds WHERE grp = ? AND member = ?", (self._group, member))
        connection.execute("DELETE FROM members WHERE id = ?", (member,))

    def _join(self, connection: sqlite3.Connection) -> None:
        if not self._alive(connection):
            until = self._until_ms()
            added = connection.execute(
                "INSERT INTO members (grp, topics, expires_ms) VALUES (?, ?, ?)", (self._group, self._topics, until)
            )
            self._member = int(added.lastrowid or 0)

    def _trade(self, connection: sqlite3.Connection) -> frozenset[int]:
        held, share = self._held_and_share(connection)
        for place in held - share:
            connection.execute("DELETE FROM holds WHERE grp = ? AND place = ?", (self._group, place))
        for place in share - held:
            connection.execute(
                "INSERT OR IGNORE INTO holds (grp, place, member) VALUES (?, ?, ?)", (self._group, place, self._member)
            )
        return self.held(connection)

    def _until_ms(self) -> int:
        return int((self._clock() + self._lease_s) * 1000)

    def _beat(self) -> None:
        """Renew the lease until told to stop. A beat that fails is tried again at the next; the lease outlasts four of them."""
        connection: sqlite3.Connection | None = None
        while not self._stop.wait(self._lease_s / _BEATS_PER_LEASE):
            if time.monotonic() - self._settled_at > _FORGOTTEN_S:
                continue
            try:
                with answering(self._folder):
                    connection = connection or connect(self._folder, self._lease_s / 2, durable=False)
                    connection.execute("UPDATE members SET expires_ms = ? WHERE id = ?", (self._until_ms(), self._member))
            except LogError as error:
                _LOG.warning("log_heartbeat_failed", extra={"group": self._group, "error": str(error)})
        if connection is not None:
            connection.close()


def _places(connection: sqlite3.Connection, topics: Sequence[str]) -> dict[str, list[int]]:
    marks = ",".join("?" * len(topics))
    rows = connection.execute(f"SELECT topic, id FROM places WHERE topic IN ({marks}) ORDER BY topic, partition", tuple(topics))
    places: dict[str, list[int]] = {}
    for topic, place in rows.fetchall():
        places.setdefault(topic, []).append(place)
    return places
