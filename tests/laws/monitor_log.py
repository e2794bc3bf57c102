"""A log in memory for the monitor's laws: what stands in it, how much a poll brings, when places move and when the process dies are all set by the test."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from zlib import crc32

from contracts import events
from contracts.events import AnyEvent
from contracts.ports import Outgoing, Place, Reader, Record, StartAt, TopicSpec

PARTITIONS = {events.FRAMES: 3, events.LABELS: 2, events.RETRAIN: 1, events.COMMANDS: 1}


class Killed(BaseException):
    """The process is dead: no handler of the monitor's may catch this."""


class Fuse:
    """Kills at the `at`-th step; None never does. The steps: before and after each judgement, save, publication and commit."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.steps = 0

    def step(self) -> None:
        """One step further."""
        self.steps += 1
        if self.steps == self.at:
            raise Killed


class Shelf:
    """A Bus whose records never change. What the monitor publishes is kept apart, in `published`."""

    def __init__(self, told: Sequence[tuple[AnyEvent | bytes, float, str]]) -> None:
        """`told`: each event (or what is none) with the time when the log took it, in that order; the topic and key of what is none."""
        self.records: dict[Place, list[Record]] = {Place(t, i): [] for t, n in PARTITIONS.items() for i in range(n)}
        for event, at, camera in told:
            out = Outgoing(events.FRAMES, camera, event) if isinstance(event, bytes) else events.encode(event, "test")
            place = Place(out.topic, crc32(out.key.encode()) % PARTITIONS[out.topic])
            line = self.records[place]
            line.append(Record(place, len(line), out.key, out.value, out.headers, int(at * 1000)))
        self.published: list[Outgoing] = []
        self.batch = 7
        self.fuse = Fuse()
        self.moves: Callable[[int], Iterator[Place]] = lambda _: iter(())
        """Of a poll's number, the places that are taken away and given back before it."""

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """They are there."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Keep them: all, or with an ill-timed death the first of them."""
        for record in records:
            self.fuse.step()
            self.published.append(record)
        self.fuse.step()

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        """A reader of all places."""
        assert start_at is not None
        assert set(topics) == set(PARTITIONS)
        return _Hands(self, start_at)

    def close(self) -> None:
        """Nothing to close."""

    def folded(self) -> list[tuple[str, str, bytes]]:
        """What was published, each id once."""
        return list({one.headers["ce_id"]: (one.topic, one.key, one.value) for one in self.published}.values())


class _Hands:
    def __init__(self, shelf: Shelf, start_at: StartAt) -> None:
        self._shelf = shelf
        self._start_at = start_at
        self._next: dict[Place, int] = {}
        self._polls = count()

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        number = next(self._polls)
        for place in [*self._shelf.moves(number), *(p for p in self._shelf.records if p not in self._next)]:
            asked, end = self._start_at(place) or 0, len(self._shelf.records[place])
            self._next[place] = max(0, end + asked) if asked < 0 else asked if asked <= end else 0  # as the port says
        found: list[Record] = []
        order = sorted(self._next)
        cut = number % len(order)
        for place in order[cut:] + order[:cut]:
            at = self._next[place]
            found += self._shelf.records[place][at : at + min(self._shelf.batch, max_records) - len(found)]
            self._next[place] = max([at, *(r.offset + 1 for r in found if r.place == place)])
        return found

    def places(self) -> frozenset[Place]:
        return frozenset(self._next)

    def commit(self, next_offsets: Mapping[Place, int]) -> None:
        self._shelf.fuse.step()

    def lag(self) -> dict[Place, int]:
        return {place: len(self._shelf.records[place]) - at for place, at in self._next.items()}

    def close(self) -> None:
        """Nothing to close."""
