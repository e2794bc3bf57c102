"""What every log must hold when all is well: order, durability, headers, topics, and reading from the right place."""

import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from contracts.errors import LogRefusedError
from contracts.ports import Outgoing, Place, TopicSpec
from tests.laws.logs import Log, bodies, outgoing, read


def test_records_of_one_key_keep_their_order_in_one_place(log: Log) -> None:
    topic = log.topic(partitions=4)
    keys = [f"model/camera-{i}" for i in range(12)]
    for batch in range(5):
        log.bus.publish([record for n in range(10) for key in keys for record in outgoing(topic, key, 10 * batch + n)])

    by_key = defaultdict(list)
    for record in read(log.reader(None, topic), 600):
        by_key[record.key].append(record)
    assert sorted(by_key) == sorted(keys)
    assert all(bodies(records) == list(range(50)) for records in by_key.values())
    assert all(len({record.place for record in records}) == 1 for records in by_key.values())
    assert len({records[0].place for records in by_key.values()}) > 1


def test_offsets_of_a_place_are_dense_and_grow(log: Log) -> None:
    topic = log.topic(partitions=2)
    for n in range(20):
        log.bus.publish(outgoing(topic, f"key-{n}", n))

    offsets = defaultdict(list)
    for record in read(log.reader(None, topic), 20):
        offsets[record.place].append(record.offset)
    assert all(found == list(range(len(found))) for found in offsets.values())


def test_threads_share_a_bus(log: Log) -> None:
    topic = log.topic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: log.bus.publish(outgoing(topic, f"key-{n % 4}", n)), range(80)))

    assert sorted(bodies(read(log.reader(None, topic), 80))) == list(range(80))  # type: ignore[type-var]


def test_what_is_published_is_there_when_publish_returns(log: Log) -> None:
    topic = log.topic(partitions=1)
    first, second = log.bus, log.another()
    reader = log.reader(None, topic)
    for n in range(10):
        (first if n % 2 else second).publish(outgoing(topic, "key", n))
        assert bodies(read(reader, 1)) == [n]


def test_headers_keys_values_and_times_come_back(log: Log) -> None:
    topic = log.topic(partitions=1)
    before_ms = int(time.time() * 1000)
    sent = [
        Outgoing(topic, "model/Kamera-Süd", b"\x00\xff" * 10, {"ce_id": "1", "ce_source": "Werk/Süd ☀", "empty": ""}),
        Outgoing(topic, "", b"", {}),
    ]
    log.bus.publish(sent)
    after_ms = int(time.time() * 1000) + 1

    got = read(log.reader(None, topic), 2)
    assert [(one.key, one.value, one.headers) for one in got] == [(one.key, one.value, one.headers) for one in sent]
    assert all(before_ms <= one.time_ms <= after_ms for one in got)
    assert [one.place for one in got] == [Place(topic, 0)] * 2


def test_records_of_some_megabytes_pass_and_larger_ones_are_refused(log: Log) -> None:
    topic = log.topic(partitions=1)
    large = [Outgoing(topic, "key", bytes([n]) * (5 << 20), {"n": str(n)}) for n in range(3)]
    log.bus.publish(large)
    with pytest.raises(LogRefusedError, match="at most"):
        log.bus.publish([Outgoing(topic, "key", bytes(9 << 20))])

    assert [one.value == sent.value for one, sent in zip(read(log.reader(None, topic), 3), large, strict=True)] == [True] * 3


def test_ensure_topics_makes_what_is_missing_and_leaves_the_rest(log: Log) -> None:
    topic, new = log.topic(partitions=2), log.name("new")
    log.bus.publish(outgoing(topic, "key", 1))
    for _ in range(2):
        log.another().ensure_topics([TopicSpec(topic, 5, retention_s=1.0), TopicSpec(new, 1)])

    reader = log.reader(None, topic, new)
    assert bodies(read(reader, 1)) == [1]
    assert reader.places() == {Place(topic, 0), Place(topic, 1), Place(new, 0)}


def test_an_unknown_topic_is_refused_by_name(log: Log) -> None:
    unknown = log.name("never-made")
    with pytest.raises(LogRefusedError, match=unknown):
        log.bus.publish(outgoing(unknown, "key", 1))
    for group in (None, log.name("group")):
        with pytest.raises(LogRefusedError, match=unknown):
            log.reader(group, unknown).poll(5.0)


def test_a_poll_without_records_returns_after_its_time(log: Log) -> None:
    reader = log.reader(None, log.topic())
    reader.poll(0.0)
    began = time.monotonic()
    assert reader.poll(0.3) == []
    assert time.monotonic() - began >= 0.29


def test_a_poll_gives_at_most_what_was_asked_for(log: Log) -> None:
    topic = log.topic(partitions=1)
    log.bus.publish(outgoing(topic, "key", *range(25)))
    reader = log.reader(None, topic)
    sizes, got = [], []
    while len(got) < 25:
        batch = reader.poll(1.0, max_records=10)
        sizes.append(len(batch))
        got += bodies(batch)
    assert max(sizes) <= 10
    assert got == list(range(25))


def test_close_may_come_twice_and_publishing_nothing_is_nothing(log: Log) -> None:
    reader, bus = log.reader(log.name("group"), log.topic()), log.another()
    bus.publish([])
    reader.poll(0.1)
    for _ in range(2):
        reader.close()
        bus.close()
    with pytest.raises(LogRefusedError, match="closed"):
        reader.poll(0.0)
