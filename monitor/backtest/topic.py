"""Events out of a log's past: every place from its earliest record, merged by the timeline that the live monitor uses. The log is read, never changed."""

from collections.abc import Iterator
from typing import Final

from contracts import events
from contracts.errors import LogAwayError
from contracts.ports import Bus, Place, Record
from monitor.backtest.recorded import Recorded, Source, recorded
from monitor.service import TOPICS
from monitor.timeline import Timeline

BATCH: Final = 5_000
POLL_S: Final = 1.0
PATIENCE: Final = 60
"""Polls in a row that may bring nothing while the log says that it has more."""
MOST_WAITING: Final = 100_000
"""Events held while a place that has more does not deliver: at most some 400 MB, and only where brokers are of very different speed."""


class LogPast:
    """The records that a log took from `since` to `until` (Unix seconds)."""

    def __init__(self, bus: Bus, name: str, since: float, until: float) -> None:
        self.source = Source(name)
        self._bus = bus
        self._since, self._until = since, until
        self._read = self._left = 0

    @property
    def done(self) -> float | None:
        """The share of the records that was read; None while the log has not told how many there are."""
        return self._read / (self._read + self._left) if self._left else None

    def close(self) -> None:
        """Let the log go."""
        self._bus.close()

    def read(self) -> Iterator[Recorded]:
        """All events in the order in which the live monitor judges them. Raises LogAwayError or LogRefusedError."""
        reader = self._bus.reader(None, TOPICS)
        timeline = Timeline(0.0, MOST_WAITING)
        passed: set[Place] = set()
        idle = 0
        try:
            while True:
                records = reader.poll(POLL_S, BATCH)
                self._read += len(records)
                for record in records:
                    self._take(record, timeline, passed)
                idle = 0 if records else idle + 1
                try:
                    lag = reader.lag()
                except LogAwayError:  # also where a place has no position yet
                    if idle >= PATIENCE:
                        raise
                    continue
                left = {place: count for place, count in lag.items() if count and place not in passed}
                self._left = sum(left.values())
                for waiting in timeline.due(float("inf"), left, reader.places()):
                    if waiting.event is not None:
                        self.source.events += 1
                        yield recorded(waiting.event, waiting.record.time_ms / 1000, 0, self.source.events)
                if lag and not left and not len(timeline):
                    return
                if idle >= PATIENCE:
                    raise LogAwayError(
                        f"{self.source.name} has {sum(left.values())} more records, but gave none in {PATIENCE} polls"
                    )
        finally:
            reader.close()

    def _take(self, record: Record, timeline: Timeline, passed: set[Place]) -> None:
        """Into the line, if it lies in the time asked for; a place is done with its first record after it, however many come yet."""
        taken_s = record.time_ms / 1000
        if taken_s > self._until:
            passed.add(record.place)
        elif taken_s >= self._since:
            try:
                timeline.add(record, events.decode(record))
            except events.BadEventError as error:
                self.source.bury(f"{record.place.topic}[{record.place.partition}]@{record.offset}", error)
