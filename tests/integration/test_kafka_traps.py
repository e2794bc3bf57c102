"""The traps of the Kafka client that docs/kafka.md numbers, each as it shows on a genuine broker, and that the log does not fall into them."""

import socket
import threading
import uuid
from collections.abc import Iterator

import pytest

from contracts.errors import LogAwayError
from contracts.log_kafka import KafkaBus
from contracts.log_kafka_access import KafkaAccess
from contracts.ports import Outgoing, TopicSpec
from tests.kafka_cluster import Cluster, cluster
from tests.laws.logs import until

pytestmark = pytest.mark.kafka


@pytest.fixture
def broker() -> Iterator[Cluster]:
    one = cluster()
    yield one
    one.command("resume", 1)


@pytest.fixture
def bus(broker: Cluster) -> Iterator[KafkaBus]:
    bus = KafkaBus(broker.servers, f"traps-{uuid.uuid4().hex[:6]}", None, deadline_s=2.0)
    yield bus
    bus.close()


@pytest.fixture
def topic(bus: KafkaBus) -> str:
    name = f"topic-{uuid.uuid4().hex[:8]}"
    bus.ensure_topics([TopicSpec(name, 2)])
    return name


def threads() -> set[threading.Thread]:
    """The client's threads that run now."""
    return {thread for thread in threading.enumerate() if "network-thread" in thread.name or "kafka-io" in thread.name}


def test_trap_1_and_4_a_producer_past_its_deadline_is_replaced(broker: Cluster, bus: KafkaBus, topic: str) -> None:
    until(lambda: published(bus, topic), "first publish")
    first = bus._producer
    broker.command("pause", 1)
    with pytest.raises(LogAwayError, match="acknowledged nothing for 2 s"):
        bus.publish([Outgoing(topic, "key", b"1")])
    broker.command("resume", 1)
    until(lambda: published(bus, topic), "publish with a new producer")
    assert bus._producer is not first


def test_trap_2_a_publish_holds_a_bounded_share_unacknowledged(bus: KafkaBus, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peak, waiting_for = 0, KafkaBus._await_oldest

    def watched(self: KafkaBus, waiting: object) -> int:
        nonlocal peak
        peak = max(peak, len(waiting))  # type: ignore[arg-type]
        return waiting_for(self, waiting)  # type: ignore[arg-type]

    monkeypatch.setattr(KafkaBus, "_await_oldest", watched)
    until(lambda: published(bus, topic), "first publish")
    bus._deadline_s = 60.0
    bus.publish([Outgoing(topic, "key", bytes(1 << 20)) for _ in range(24)])
    assert peak == 17  # 16 MiB and the one that went over


def test_trap_3_a_discarded_producer_leaves_no_thread(broker: Cluster, bus: KafkaBus, topic: str) -> None:
    before = threads()
    until(lambda: published(bus, topic), "first publish")
    broker.command("pause", 1)
    with pytest.raises(LogAwayError):
        bus.publish([Outgoing(topic, "key", b"1")])
    until(lambda: not threads() - before, "end of the producer's thread", lambda: str(threads()))


def test_trap_3_the_clients_own_close_raises_and_leaves_its_thread(broker: Cluster, topic: str) -> None:
    """If this fails, the client has been mended, and `_stop` in contracts/log_kafka.py may become a plain close."""
    producer = KafkaAccess(broker.servers, "trap-3", None).producer()
    producer.send(topic, b"0").get(10)
    broker.command("pause", 1)
    producer.send(topic, b"1")
    with pytest.raises(Exception, match="waiting for future"):
        producer.close(timeout=0.5)
    assert producer._sender.is_alive()
    broker.command("resume", 1)
    producer._sender.force_close()
    producer._sender.join(60)
    producer._closed = True


def test_trap_5_a_commit_while_the_broker_is_away_is_swallowed(broker: Cluster, bus: KafkaBus, topic: str) -> None:
    until(lambda: published(bus, topic), "first publish")
    reader = bus.reader("group", [topic])
    records = []
    until(lambda: bool(records.__iadd__(reader.poll(0.2))), "record")
    broker.command("pause", 1)
    reader.commit({records[0].place: 1})
    broker.command("resume", 1)
    reader.close()


def test_trap_6_nothing_connects_before_it_must_and_a_failed_client_leaves_no_thread() -> None:
    before = threads()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        bus = KafkaBus([f"127.0.0.1:{server.getsockname()[1]}"], "traps", None)
        bus.reader("group", ["topic"]).close()
        bus.close()
        with pytest.raises(BlockingIOError):
            server.accept()
    assert not threads() - before


def test_trap_6_a_client_that_cannot_start_leaves_no_thread(broker: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.log_kafka_access._BOOTSTRAP_MS", 500)
    before = threads()
    access = KafkaAccess(broker.servers, "traps", None)
    monkeypatch.setattr("contracts.log_kafka_access.greet", lambda *_: None)
    broker.command("pause", 1)
    for build in (access.producer, lambda: access.consumer("group", 6.0), lambda: access.admin().__enter__()):
        with pytest.raises(LogAwayError, match="could not start"):
            build()
    until(lambda: not threads() - before, "end of the threads", lambda: str(threads()))


def test_trap_8_a_join_that_no_poll_waits_for_comes_to_its_end(broker: Cluster, topic: str) -> None:
    bus = KafkaBus(broker.servers, "trap-8", None, session_s=60.0)
    reader = bus.reader(f"group-{uuid.uuid4().hex[:8]}", [topic])
    until(lambda: not reader.poll(0.2) and len(reader.places()) == 2, "assignment")
    coordinator = reader._consumer._coordinator  # type: ignore[attr-defined]
    broker.command("pause", 1)
    coordinator.request_rejoin()
    reader.poll(0.1)
    assert coordinator.rejoining
    broker.command("resume", 1)
    until(lambda: not coordinator.rejoining, "end of the join, without a poll")
    assert len(reader.places()) == 2
    reader.close()
    bus.close()


def test_trap_9_a_place_that_went_and_came_back_is_new() -> None:
    from contracts.log_kafka_client import TopicPartition
    from contracts.log_kafka_reader import _Changes

    one, two = (TopicPartition("topic", partition) for partition in (0, 1))
    changes = _Changes()
    changes.on_partitions_assigned([one, two])
    assert changes.take() == set()
    for assigned in ([one], [one, two], [one, two]):
        changes.on_partitions_revoked([one, two])
        changes.on_partitions_assigned(assigned)
    assert changes.take() == {two}
    changes.on_partitions_lost([one, two])
    changes.on_partitions_assigned([one])
    assert changes.take() == {one, two}
    assert changes.take() == set()


def published(bus: KafkaBus, topic: str) -> bool:
    try:
        bus.publish([Outgoing(topic, "key", b"2")])
    except LogAwayError:
        return False
    return True
