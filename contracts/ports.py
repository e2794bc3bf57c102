"""The ports between Keepsight and the world it runs in: the log, the model repository and the frame store.

Everything that crosses a process border crosses one of these. Adapters: `log_embedded.py` and `log_kafka.py` for the Bus (open one with
`log.open_bus`), `repository.py` and `frame_store.py` for the stores. The law suite in `tests/laws/` says what an adapter must hold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import msgspec


class Place(NamedTuple):
    """One partition of a topic: where order holds and offsets count."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to publish. `key` decides the partition: records of one key keep their order."""

    topic: str
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as read. `offset` grows within its place; `time_ms` is when the log took it (Unix milliseconds)."""

    place: Place
    offset: int
    key: str
    value: bytes
    headers: Mapping[str, str]
    time_ms: int


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is kept. `retention_s` None keeps for ever; a compacted topic keeps the last record of each key."""

    name: str
    partitions: int
    retention_s: float | None = None
    compacted: bool = False


StartAt = Callable[[Place], int | None]
"""Asked once for every place as it is assigned: the next offset to read, from the state saved with it. None: the committed offset, else the earliest.
Below 0: so many records before the end, as it stands then, or the earliest."""
EARLIEST: Final = -(1 << 62)
"""More records before the end than any place holds: what was committed counts for nothing."""


class Reader(Protocol):
    """One member of a consumer group. Not thread-safe: one thread polls, commits and closes."""

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        """Records in order per place, as soon as there are any, [] after `timeout_s`. Raises LogAwayError or LogRefusedError."""

    def places(self) -> frozenset[Place]:
        """The places this member holds now. Another member's coming or going changes them between polls."""

    def commit(self, next_offsets: Mapping[Place, int]) -> None:
        """Record how far the group is (the next offset to read), for lag dashboards and for readers without state. Never raises when the log is away."""

    def lag(self) -> dict[Place, int]:
        """Records not yet polled, per place held. Raises LogAwayError."""

    def close(self) -> None:
        """Leave the group. Safe to call twice and when the log is away."""


class Bus(Protocol):
    """The log. Safe to share between threads."""

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that are missing. Existing ones stay as they are. Raises LogAwayError or LogRefusedError."""

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Write all, in order per key, and return when the log holds them durably.

        Raises LogAwayError when that is not certain: some may be written, so publish all again; readers fold duplicates by `ce_id`.
        Raises LogRefusedError when the log said no, RecordTooLargeError when it would have taken them all but for the size of one.
        """

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        """Join `group` on `topics`; with group None read every place alone, from the earliest record unless `start_at` says more.

        `start_at` (see StartAt) wins over the committed offset. With `sole` one member holds every place and the others stand by: none until it
        leaves, dies or is silent for too long, then one of them holds all; who joins never takes over from a living member. All members of a group
        say the same. The call does not need the log to be up.
        """

    def close(self) -> None:
        """Release connections and threads. Safe to call twice."""
