"""Several partitions made one stream in the order of event time, so that a verdict never depends on how the log interleaved its deliveries.

Each place (partition) keeps its own order; the places are merged by the time of their first waiting event. An empty place holds the others back while
it has records to deliver, and for `wait_s` after a record was written: so much later may the writer of another partition be.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from contracts.events import AnyEvent, FrameScored
from contracts.ports import Place, Record

AHEAD_S: Final = 5.0
"""An event's time counts as at most this far after the log took it: one wrong clock must not carry the whole stream into the future."""
MOST_WAITING: Final = 20_000
"""Events held at most, unless told otherwise; beyond it the merge goes on without waiting for a place that does not deliver."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A record in line; `event` is None when it could not be parsed, with the reason."""

    at: float
    record: Record
    event: AnyEvent | None
    reason: str = ""


def time_of(event: AnyEvent, record: Record) -> float:
    """When an event happened, by serving's and the services' clocks, never by a camera's. Unix seconds."""
    return min(happened_at(event), record.time_ms / 1000 + AHEAD_S)


def happened_at(event: AnyEvent) -> float:
    """The event's own time, where no log bounds it. Unix seconds."""
    return event.received_at if isinstance(event, FrameScored) else event.occurred_at


class Timeline:
    """The events that wait for their turn, `most_waiting` of them at most."""

    def __init__(self, wait_s: float, most_waiting: int = MOST_WAITING) -> None:
        self._wait_s = wait_s
        self._most_waiting = most_waiting
        self._lines: dict[Place, deque[Waiting]] = {}
        self._first: list[tuple[float, Place]] = []
        """A heap: the time of the first event of each line that is not empty."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, record: Record, event: AnyEvent | None, reason: str = "") -> None:
        """Put a record in its place's line."""
        at = record.time_ms / 1000 if event is None else time_of(event, record)
        line = self._lines.get(record.place)
        if line and line[-1].record.time_ms / 1000 > record.time_ms / 1000 + AHEAD_S:
            self._set_back(record.place, at)
            line = self._lines[record.place]
        if not line:
            line = self._lines.setdefault(record.place, deque())
            heapq.heappush(self._first, (at, record.place))
        line.append(Waiting(at, record, event, reason))
        self._count += 1

    def _set_back(self, place: Place, at: float) -> None:
        """The log's clock was set back: what waits happened no later than what comes now, or it would hold the rest of its place up until its own time."""
        self._lines[place] = deque(msgspec.structs.replace(one, at=min(one.at, at)) for one in self._lines[place])
        self._first = [(self._lines[other][0].at, other) for _, other in self._first]
        heapq.heapify(self._first)

    def forget(self, place: Place) -> None:
        """Drop a place's line: its records will be read again, here or elsewhere."""
        line = self._lines.pop(place, None)
        if line:
            self._count -= len(line)
            self._first = [(at, other) for at, other in self._first if other != place]
            heapq.heapify(self._first)

    def keep(self, places: frozenset[Place]) -> None:
        """Forget the lines of places that are no longer held: their new holder reads them again."""
        for place in [place for place in self._lines if place not in places]:
            self.forget(place)

    def empty(self, places: frozenset[Place]) -> list[Place]:
        """The places that have nothing waiting."""
        return [place for place in places if not self._lines.get(place)]

    def due(self, now: float, undelivered: Mapping[Place, int], places: frozenset[Place]) -> Iterator[Waiting]:
        """Take what may be judged now, in order; what was not finished with stays. `undelivered`: records that the log still has for each place."""
        taken_before = now - self._wait_s
        behind = any(undelivered.get(place, 0) > 0 for place in self.empty(places))
        while self._first:
            _, place = self._first[0]
            line = self._lines[place]
            waiting = line[0]
            # Written further ahead: by a wrong clock, whose hour would be waited for in vain.
            fresh = taken_before < waiting.record.time_ms / 1000 <= now + AHEAD_S
            held_back = behind or (fresh and len(self._first) < len(places))
            if held_back and self._count <= self._most_waiting:
                return
            yield waiting
            line.popleft()
            self._count -= 1
            if line:
                heapq.heapreplace(self._first, (line[0].at, place))
            else:
                heapq.heappop(self._first)
                behind = behind or undelivered.get(place, 0) > 0
