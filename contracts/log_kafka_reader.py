"""Reading Kafka: as a member of a consumer group, or alone over every partition, from where the reader's own state says.

A rebalance leaves a kept place where it was; a new one stands at the group's commit until this reader puts it where `start_at` says, and what
the client fetched before that is thrown away. A place that went and came back between two polls is new: another member may have read it.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from contracts.errors import LogAwayError, LogRefusedError
from contracts.log_kafka_access import KafkaAccess
from contracts.log_kafka_client import ConsumerRebalanceListener, MemberState, OffsetAndMetadata, TopicPartition, errors
from contracts.log_kafka_topics import known_topics
from contracts.ports import Place, Record, StartAt

_COMMIT_MS: Final = 5_000
_COMMIT_AGAIN_S: Final = 10.0
_LAG_MS: Final = 10_000
_CLOSE_MS: Final = 2_000
_LOG: Final = logging.getLogger(__name__)


class KafkaReader:
    """The Reader on a cluster; see the port."""

    def __init__(
        self,
        access: KafkaAccess,
        group: str | None,
        topics: Sequence[str],
        start_at: StartAt | None,
        sole: bool,
        session_s: float,
    ) -> None:
        self._access = access
        self._group = group
        self._topics = tuple(topics)
        self._start_at = start_at
        self._sole = sole
        self._session_s = session_s
        self._consumer: Any = None
        self._changes = _Changes()
        self._next: dict[TopicPartition, int | None] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._commit_again_at = float("-inf")
        self._closed = False

    def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
        """See Reader. While a started reader's cluster is away it returns [] and reconnects by itself."""
        if self._closed:
            raise LogRefusedError("this reader is closed; ask the Bus for another")
        deadline = time.monotonic() + timeout_s
        try:
            consumer = self._open()
            while True:
                left_ms = max(0, int(1000 * (deadline - time.monotonic())))
                batches = consumer.poll(timeout_ms=left_ms, max_records=max_records)
                astray = self._settle_or_restart(consumer)
                records = [
                    _record(one) for place, batch in batches.items() if place in self._next and place not in astray for one in batch
                ]
                for record in records:
                    self._next[TopicPartition(*record.place)] = record.offset + 1
                if records or time.monotonic() >= deadline:
                    return records
        except (errors.KafkaError, OSError) as error:
            raise self._access.translate(error, self._doing("reading")) from error

    def places(self) -> frozenset[Place]:
        """See Reader."""
        return frozenset(Place(*place) for place in self._next)

    def commit(self, next_offsets: Mapping[Place, int]) -> None:
        """See Reader. Offsets of places that this member no longer holds are left alone; without a group nothing is kept.

        After a commit that failed the next ones wait ten seconds (and close), so that a log that is away does not slow every poll.
        """
        self._uncommitted |= {TopicPartition(*place): at for place, at in next_offsets.items()}
        if self._group is not None and self._consumer is not None and time.monotonic() >= self._commit_again_at:
            self._commit(self._consumer)

    def _commit(self, consumer: Any) -> None:
        offsets = {place: OffsetAndMetadata(at, "", -1) for place, at in self._uncommitted.items() if place in self._next}
        self._uncommitted = {}
        if not offsets:
            return
        try:
            consumer.commit(offsets, timeout_ms=_COMMIT_MS)
        except Exception as error:  # the client raises many kinds here when a broker restarts; the saved state counts, not this
            self._uncommitted = {place: at.offset for place, at in offsets.items()}
            self._commit_again_at = time.monotonic() + _COMMIT_AGAIN_S
            _LOG.warning("log_commit_failed", extra={"group": self._group, "error": f"{type(error).__name__}: {error}"})

    def lag(self) -> dict[Place, int]:
        """See Reader."""
        if self._consumer is None or not self._next:
            return {}
        try:
            ends = self._consumer.end_offsets(list(self._next), timeout_ms=_LAG_MS)
            return {Place(*place): max(0, end - self._position(place, end)) for place, end in ends.items()}
        except (errors.KafkaError, OSError) as error:
            raise self._access.translate(error, self._doing("measuring the lag")) from error

    def close(self) -> None:
        """See Reader."""
        self._closed = True
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            if self._group is not None and self._uncommitted:
                self._commit(consumer)
            _stop(consumer)
        self._next = {}

    def _open(self) -> Any:
        if self._consumer is None:
            missing = set(self._topics) - known_topics(self._access, self._topics)
            if missing:
                raise LogRefusedError(
                    f"the topic {', '.join(sorted(missing))} does not exist in Kafka; create it with ensure_topics or by hand"
                )
            consumer = self._access.consumer(self._group, self._session_s, self._sole)
            try:
                self._subscribe(consumer)
            except BaseException:
                _stop(consumer)
                raise
            self._consumer = consumer
        return self._consumer

    def _subscribe(self, consumer: Any) -> None:
        if self._group is not None:
            for topic in self._topics:
                consumer.partitions_for_topic(topic)  # the first join then knows the partitions and needs no second one
            _complete_joins(consumer._coordinator)
            consumer.subscribe(self._topics, listener=self._changes)
            return
        places = [TopicPartition(topic, partition) for topic in self._topics for partition in consumer.partitions_for_topic(topic)]
        if {place.topic for place in places} != set(self._topics):
            raise LogAwayError(f"{self._doing('reading')}: the cluster does not show all partitions yet")
        consumer.assign(places)

    def _settle_or_restart(self, consumer: Any) -> set[TopicPartition]:
        """When `start_at` raises, the client stands somewhere we never chose: the next poll begins with a new one."""
        try:
            return self._settle(consumer)
        except BaseException:
            self._consumer, self._next = None, {}
            _stop(consumer)
            raise

    def _settle(self, consumer: Any) -> set[TopicPartition]:
        """Follow the client's assignment; the places whose records of this poll came from a position that was not ours."""
        left = self._changes.take()
        held = consumer.assignment()
        for place in [place for place in self._next if place not in held or place in left]:
            del self._next[place]
        astray = set()
        for place in sorted(held - self._next.keys()):
            start = self._start_at(Place(*place)) if self._start_at is not None else None
            if start is not None and start < 0:
                start = _before_end(consumer, place, -start)
            self._next[place] = start
            if start is not None:
                consumer.seek(place, start)
                astray.add(place)
        return astray

    def _position(self, place: TopicPartition, end: int) -> int:
        """The next offset of a place: as read, else as the client resolved it from the commit or the log's beginning."""
        known = self._next[place]
        if known is not None and known <= end:
            return known
        position = self._consumer.position(place, timeout_ms=_LAG_MS)
        if position is None:
            raise LogAwayError(f"{self._doing('measuring the lag')}: {place.topic}[{place.partition}] has no position yet")
        return int(position)

    def _doing(self, what: str) -> str:
        return f"{what} {', '.join(self._topics)}" + (f" as group {self._group}" if self._group is not None else "")


class _Changes(ConsumerRebalanceListener):  # type: ignore[misc]  # the client has no types
    """The places that left this member since last asked, for however short a time. Called on the client's thread, so it only takes notes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[TopicPartition] = set()
        self._left: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """All places, at the start of every rebalance: which of them stay is known at its end."""

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        with self._lock:
            self._left |= self._held - set(assigned)
            self._held = set(assigned)

    def on_partitions_lost(self, lost: Sequence[TopicPartition]) -> None:
        with self._lock:
            self._left |= set(lost)
            self._held = set()

    def take(self) -> set[TopicPartition]:
        with self._lock:
            left, self._left = self._left, set()
        return left


def _before_end(consumer: Any, place: TopicPartition, records: int) -> int:
    """So many records before the end, or the earliest: below that the client would stand at the earliest, and we not know it until a record comes."""
    end = int(consumer.end_offsets([place], timeout_ms=_LAG_MS)[place])
    return max(end - records, int(consumer.beginning_offsets([place], timeout_ms=_LAG_MS)[place]))


def _record(one: Any) -> Record:
    return Record(
        Place(one.topic, one.partition),
        one.offset,
        (one.key or b"").decode(errors="replace"),
        one.value or b"",
        {name: value.decode(errors="replace") for name, value in one.headers},
        one.timestamp,
    )


def _complete_joins(coordinator: Any) -> None:
    """Make every join that the client begins come to its end, also when no poll waits for it (trap 8 in docs/kafka.md).

    The client finishes a join only inside the poll that awaited it. When that poll's time runs out on the way, the join is forgotten: the member
    holds nothing and burns a core for ever (when new metadata was the reason to join), or joins anew and makes everybody join anew. Here the
    join finishes itself; a poll that still waits for it does the same once more, which changes nothing.
    """
    join = coordinator._do_join_and_sync_async

    async def join_to_the_end() -> Any:
        assignment = await join()
        with coordinator._lock:
            coordinator.rejoining = False
            coordinator.rejoin_needed = False
            coordinator.state = MemberState.STABLE
            coordinator._enable_heartbeat()
        now = coordinator._generation
        await coordinator._on_join_complete_async(now.generation_id, now.member_id, now.protocol, assignment)
        return assignment

    coordinator._do_join_and_sync_async = join_to_the_end


def _stop(consumer: Any) -> None:
    with contextlib.suppress(Exception):
        consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
