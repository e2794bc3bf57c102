"""A log inside a log: every topic and group gets a prefix on the way in and loses it on the way out, so that runs on one cluster never meet."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from contracts.ports import Bus, Outgoing, Place, Reader, Record, StartAt, TopicSpec


class PrefixedBus:
    """A Bus whose topics and groups are `PREFIX.name` in the log beneath and `name` above."""

    def __init__(self, bus: Bus, prefix: str) -> None:
        self._bus = bus
        self._prefix = f"{prefix}."

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """See Bus."""
        self._bus.ensure_topics([replace(topic, name=self._prefix + topic.name) for topic in topics])

    def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus."""
        self._bus.publish([replace(record, topic=self._prefix + record.topic) for record in records])

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        """See Bus."""
        inner_group = None if group is None else self._prefix + group
        inner_start = None if start_at is None else lambda place: start_at(_without(place, self._prefix))
        inner_topics = [self._prefix + topic for topic in topics]
        return _PrefixedReader(self._bus.reader(inner_group, inner_topics, inner_start, sole), self._prefix)

    def close(self) -> None:
        """See Bus."""
        self._bus.close()


class _PrefixedReader:
    def __init__(self, reader: Reader, prefix: str) -> None:
        self._reader = reader
        self._prefix = prefix

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        records = self._reader.poll(timeout_s, max_records)
        return [msgspec.structs.replace(record, place=_without(record.place, self._prefix)) for record in records]

    def places(self) -> frozenset[Place]:
        return frozenset(_without(place, self._prefix) for place in self._reader.places())

    def commit(self, next_offsets: Mapping[Place, int]) -> None:
        self._reader.commit({Place(self._prefix + place.topic, place.partition): at for place, at in next_offsets.items()})

    def lag(self) -> dict[Place, int]:
        return {_without(place, self._prefix): behind for place, behind in self._reader.lag().items()}

    def close(self) -> None:
        self._reader.close()


def _without(place: Place, prefix: str) -> Place:
    return Place(place.topic.removeprefix(prefix), place.partition)
