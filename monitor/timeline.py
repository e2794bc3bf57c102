"""Several partitions made one stream in the order of event time, so that a verdict never depends on how the log interleaved its deliveries.

Each place (partition) keeps its own order; the places are merged by the time of their first waiting event. An empty place holds the others back while
it has records to deliver, and for `wait_s` after a record was written: so much later may the writer of another partition be.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from contracts.events import AnyEvent, FrameScored
from contracts.ports import Place, Record

AHEAD_S: Final = 5.0
"""An event's time counts as at most this far after the log took it: one wrong clock must not carry the whole stream into the future."""
MOST_WAITING: Final = 20_000
"""Events held at most, unless told otherwise; beyond it the merge goes on without waiting for a place that does not deliver."""


class Waiting(NamedTuple):
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
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, record: Record, event: AnyEvent | None, reason: str = "") -> None:
        """Put a record in its place's line."""
        at = record.time_ms / 1000 if event is None else time_of(event, record)
        self._lines.setdefault(record.place, deque()).append(Waiting(at, record, event, reason))
        self._count += 1

    def keep(self, places: frozenset[Place]) -> None:
        """Forget the lines of places that are no longer held: their new holder reads them again."""
        for place in [p for p in self._lines if p not in places]:
            self._count -= len(self._lines.pop(place))

    def empty(self, places: frozenset[Place]) -> list[Place]:
        """The places that have nothing waiting."""
        return [place for place in places if not self._lines.get(place)]

    def due(self, now: float, undelivered: Mapping[Place, int], places: frozenset[Place]) -> Iterator[Waiting]:
        """Take what may be judged now, in order. `undelivered`: records that the log still has for each place."""
        behind = any(undelivered.get(place, 0) > 0 for place in self.empty(places))
        while self._count:
            place = min((p for p, line in self._lines.items() if line), key=lambda p: (self._lines[p][0].at, p))
            first = self._lines[place][0]
            crowded = self._count > self._most_waiting
            someone_empty = behind or len([1 for line in self._lines.values() if line]) < len(places)
            if someone_empty and not crowded and (behind or first.record.time_ms / 1000 > now - self._wait_s):
                return
            yield first
            self._lines[place].popleft()
            self._count -= 1
            behind = behind or (not self._lines[place] and undelivered.get(place, 0) > 0)
