"""The log on Kafka: any cluster that speaks its protocol, through kafka-python 3.0.12 and around the traps that docs/kafka.md lists.

The producer is built at the first publish and thrown away whenever it lets a deadline pass or fails in a way that is not the record's fault: it
may stall for ever or sit in a fatal state, and a new one costs a tenth of a second. Publishing again after that may write a record twice; readers
fold duplicates by `ce_id`.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from contracts.errors import LogAwayError, LogError, LogRefusedError
from contracts.log_kafka_access import KafkaAccess
from contracts.log_kafka_client import errors
from contracts.log_kafka_reader import KafkaReader
from contracts.log_kafka_topics import create_missing, known_topics
from contracts.log_limits import check_size
from contracts.log_security import LogSecurity
from contracts.ports import Outgoing, Reader, StartAt, TopicSpec

_IN_FLIGHT_RECORDS: Final = 5_000
_IN_FLIGHT_BYTES: Final = 16 << 20
"""A publish waits for its oldest records once so much of it is unacknowledged: kafka-python itself has no bound on memory."""
_LOG: Final = logging.getLogger(__name__)


class KafkaBus:
    """The Bus on a cluster.

    `deadline_s` is how long a record may stay unacknowledged before publish raises LogAwayError; `session_s` how long a group member may be
    silent before its places move on (brokers allow 6 s to 30 min unless told otherwise).
    """

    def __init__(
        self, servers: Sequence[str], client: str, security: LogSecurity | None, deadline_s: float = 10.0, session_s: float = 10.0
    ) -> None:
        self._access = KafkaAccess(servers, client, security)
        self._deadline_s = deadline_s
        self._session_s = session_s
        self._lock = threading.Lock()
        self._producer: Any = None
        self._known: set[str] = set()
        self._closed = False

    def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that are missing, with as many copies as the cluster's default.replication.factor says; see Bus."""
        create_missing(self._access, topics)

    def publish(self, records: Sequence[Outgoing]) -> None:
        """Hand all to the producer and wait until every copy that must has them; see Bus."""
        if not records:
            return
        for record in records:
            check_size(record)
        producer = self._current()
        try:
            self._check_topics({record.topic for record in records})
            self._send(producer, records)
        except LogRefusedError:
            raise
        except Exception as error:
            self._discard(producer)
            if not isinstance(error, (errors.KafkaError, LogError, OSError)):
                raise
            raise self._access.translate(error, "publishing") from error

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt | None = None, sole: bool = False) -> Reader:
        """Join `group`; see Bus. The reader connects at its first poll."""
        return KafkaReader(self._access, group, topics, start_at, sole, self._session_s)

    def close(self) -> None:
        """Stop the producer. Nothing is lost: publish returned only for what is acknowledged."""
        with self._lock:
            self._closed = True
            producer, self._producer = self._producer, None
        if producer is not None:
            _stop(producer)

    def _current(self) -> Any:
        with self._lock:
            if self._closed:
                raise LogRefusedError("this log is closed; open another")
            if self._producer is None:
                self._producer = self._access.producer()
            return self._producer

    def _discard(self, producer: Any) -> None:
        with self._lock:
            if self._producer is producer:
                self._producer = None
        _LOG.warning("log_producer_rebuilt")
        _stop(producer)

    def _check_topics(self, topics: set[str]) -> None:
        """Ask once whether a topic exists: the producer itself would wait for it until its deadline."""
        if new := topics - self._known:
            missing = new - known_topics(self._access, new)
            if missing:
                raise LogRefusedError(
                    f"the topic {', '.join(sorted(missing))} does not exist in Kafka; create it with ensure_topics or by hand"
                )
            self._known |= new

    def _send(self, producer: Any, records: Sequence[Outgoing]) -> None:
        waiting: deque[tuple[Any, float, int]] = deque()
        held_bytes = 0
        for record in records:
            headers = [(name, value.encode()) for name, value in record.headers.items()]
            future = producer.send(record.topic, value=record.value, key=record.key.encode(), headers=headers)
            waiting.append((future, time.monotonic(), len(record.value)))
            held_bytes += len(record.value)
            while len(waiting) > _IN_FLIGHT_RECORDS or held_bytes > _IN_FLIGHT_BYTES:
                held_bytes -= self._await_oldest(waiting)
        while waiting:
            self._await_oldest(waiting)

    def _await_oldest(self, waiting: deque[tuple[Any, float, int]]) -> int:
        """Wait for the oldest record's acknowledgement, within its deadline. Returns its bytes."""
        future, sent_at, size = waiting.popleft()
        left_s = max(0.0, sent_at + self._deadline_s - time.monotonic())
        try:
            future.get(timeout=left_s)
        except errors.KafkaTimeoutError as error:
            raise LogAwayError(
                f"publishing: Kafka at {', '.join(self._access.servers)} acknowledged nothing for {self._deadline_s:g} s;"
                " see that its brokers run and that enough copies are in sync (min.insync.replicas)"
            ) from error
        return size


def _stop(producer: Any) -> None:
    """End a producer at once. Its close() flushes first and raises when that fails, leaving its thread behind: so the thread is told first."""
    sender = producer._sender
    sender.force_close()
    sender.wakeup()
    sender.join(timeout=2.0)
    with contextlib.suppress(Exception):
        producer.close(timeout=0)
    producer._closed = True  # else its finaliser tries to flush once more
