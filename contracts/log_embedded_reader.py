"""Reading the embedded log: alone or as a member of a group, place by place, from where the reader's own state says.

An idle poll asks SQLite only whether anyone wrote (`PRAGMA data_version`, some microseconds) every 5 to 25 ms. Records are fetched in the same
read transaction that shows the holds, so that a member which lost a place reads nothing more of it. The place that is furthest behind in the log's
time comes first: who merges places by time then holds little, also while a long past is read.
"""

import heapq
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from contracts.errors import LogError, LogRefusedError
from contracts.log_embedded_groups import Membership
from contracts.log_embedded_store import OFFSET_BITS, OFFSETS, answering, connect
from contracts.ports import Place, Record, StartAt

_MAX_POLL_BYTES: Final = 32 << 20
_SHARE: Final = 64
"""Records taken from one place before the next is looked at: a query costs as much as ten of them."""
_PAUSE_S: Final = (0.005, 0.025)
_HEADERS: Final = msgspec.json.Decoder(dict[str, str])
_LOG: Final = logging.getLogger(__name__)


class EmbeddedReader:
    """The Reader on a folder; see the port. It opens the file at the first poll."""

    def __init__(
        self,
        folder: Path,
        group: str | None,
        topics: Sequence[str],
        start_at: StartAt | None,
        sole: bool,
        lease_s: float,
        busy_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._group = group
        self._topics = tuple(topics)
        self._start_at = start_at
        self._settle_every_s = min(0.5, lease_s / 4)
        self._busy_s = busy_s
        self._member = Membership(folder, group, topics, sole, lease_s, clock) if group is not None else None
        self._connection: sqlite3.Connection | None = None
        self._all: dict[int, Place] = {}
        self._next: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        """When the log took the newest record delivered of each place, Unix milliseconds."""
        self._seen_version = -1
        self._settled_at = float("-inf")
        self._maybe_more = True
        self._turn = 0
        self._closed = False

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        """See Reader. At most 32 MiB at once, but always one record."""
        if self._closed:
            raise LogRefusedError("this reader is closed; ask the Bus for another")
        deadline = time.monotonic() + timeout_s
        pause_s = _PAUSE_S[0]
        while True:
            with answering(self._folder):
                records = self._look(max_records)
            left_s = deadline - time.monotonic()
            if records or left_s <= 0:
                return records
            time.sleep(min(pause_s, left_s))
            pause_s = min(2 * pause_s, _PAUSE_S[1])

    def places(self) -> frozenset[Place]:
        """See Reader."""
        return frozenset(self._all[place] for place in self._next)

    def commit(self, next_offsets: Mapping[Place, int]) -> None:
        """See Reader. Offsets of places that this member no longer holds are left alone; without a group nothing is kept."""
        if self._member is None or not next_offsets or self._connection is None:
            return
        numbers = {place: number for number, place in self._all.items()}
        try:
            with answering(self._folder):
                self._member.commit(
                    self._connection, {numbers[place]: at for place, at in next_offsets.items() if place in numbers}
                )
        except LogError as error:
            _LOG.warning("log_commit_failed", extra={"group": self._group, "error": str(error)})

    def lag(self) -> dict[Place, int]:
        """See Reader."""
        if not self._next:
            return {}
        with answering(self._folder):
            rows = self._open().execute("SELECT id, next_offset FROM places").fetchall()
            return {
                self._all[place]: end - max(self._next[place], self._earliest(place, end))
                for place, end in rows
                if place in self._next
            }

    def close(self) -> None:
        """See Reader."""
        if self._closed:
            return
        self._closed = True
        self._next = {}
        try:
            with answering(self._folder):
                if self._member is not None:
                    self._member.leave(self._connection)
                if self._connection is not None:
                    self._connection.close()
        except LogError as error:
            _LOG.warning("log_leave_failed", extra={"group": self._group, "error": str(error)})

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._folder, self._busy_s, durable=False)
        if not self._all:
            self._all = self._known_places(self._connection)
        return self._connection

    def _known_places(self, connection: sqlite3.Connection) -> dict[int, Place]:
        marks = ",".join("?" * len(self._topics))
        rows = connection.execute(f"SELECT id, topic, partition FROM places WHERE topic IN ({marks})", self._topics).fetchall()
        missing = set(self._topics) - {row[1] for row in rows}
        if missing:
            raise LogRefusedError(
                f"the embedded log in {self._folder} has no topic {', '.join(sorted(missing))} yet: services make theirs when they first start (ensure_topics)"
            )
        return {number: Place(topic, partition) for number, topic, partition in rows}

    def _look(self, max_records: int) -> list[Record]:
        connection = self._open()
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        now = time.monotonic()
        changed = version != self._seen_version
        if changed or now - self._settled_at >= self._settle_every_s:
            self._seen_version, self._settled_at = version, now
            self._take_places(connection)
        if not (changed or self._maybe_more):
            return []
        records = self._fetch(connection, max_records)
        self._maybe_more = bool(records)
        return records

    def _take_places(self, connection: sqlite3.Connection) -> None:
        held = frozenset(self._all)
        if self._member is not None:
            held = self._member.settle(connection)
        for place in self._next.keys() - held:
            del self._next[place]
        for place in sorted(held - self._next.keys()):
            self._next[place] = self._start(connection, place)
            self._maybe_more = True

    def _start(self, connection: sqlite3.Connection, place: int) -> int:
        """Where to begin: the caller's state (see StartAt), else the group's commit, else the earliest; beyond the log's end, the earliest, too."""
        asked = self._start_at(self._all[place]) if self._start_at is not None else None
        if asked is None and self._group is not None:
            row = connection.execute("SELECT next_offset FROM commits WHERE grp = ? AND place = ?", (self._group, place)).fetchone()
            asked = row[0] if row else None
        (end,) = connection.execute("SELECT next_offset FROM places WHERE id = ?", (place,)).fetchone()
        if asked is not None and asked < 0:
            return max(int(end) + asked, self._earliest(place, end))
        if asked is not None and asked > end:
            _LOG.warning("log_offset_beyond_end", extra={"place": str(self._all[place]), "asked": asked, "end": end})
            asked = None
        return self._earliest(place, end) if asked is None else asked

    def _earliest(self, place: int, end: int) -> int:
        first = place << OFFSET_BITS
        row = (
            self._open()
            .execute("SELECT id FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1", (first, first + OFFSETS - 1))
            .fetchone()
        )
        return row[0] - first if row else end

    def _fetch(self, connection: sqlite3.Connection, max_records: int) -> list[Record]:
        """Records of the places held, _SHARE at a time of the place furthest behind; among equals each poll begins at another, so that none starves."""
        records: list[Record] = []
        connection.execute("BEGIN")
        try:
            held = self._member.held(connection) if self._member is not None else frozenset(self._all)
            order = sorted(held & self._next.keys())
            self._turn += 1
            behind = [(self._reached.get(place, 0), (i - self._turn) % len(order), place) for i, place in enumerate(order)]
            heapq.heapify(behind)
            room_bytes = _MAX_POLL_BYTES
            while behind and len(records) < max_records and room_bytes > 0:
                _, turn, place = heapq.heappop(behind)
                before, share = len(records), min(_SHARE, max_records - len(records))
                room_bytes = self._fetch_place(connection, place, share, room_bytes, records)
                if len(records) - before == share:
                    heapq.heappush(behind, (self._reached[place], turn, place))
        finally:
            connection.execute("COMMIT")
        return records

    def _fetch_place(self, connection: sqlite3.Connection, place: int, count: int, room_bytes: int, into: list[Record]) -> int:
        first = place << OFFSET_BITS
        rows = connection.execute(
            "SELECT id, time_ms, key, headers, value FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
            (first + self._next[place], first + OFFSETS - 1, count),
        )
        for number, time_ms, key, headers, value in rows:
            into.append(Record(self._all[place], number - first, key, value, _HEADERS.decode(headers), time_ms))
            self._next[place], self._reached[place] = number - first + 1, time_ms
            room_bytes -= len(value)
            if room_bytes <= 0:
                break
        rows.close()
        return room_bytes
