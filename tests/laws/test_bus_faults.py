"""What every log must hold when things die: publishers and readers killed at any instant, and the log away and back."""

import json
import signal
import subprocess
from typing import Any

import pytest

from contracts.errors import LogAwayError
from tests.kafka_cluster import missing
from tests.laws.logs import Log, bodies, outgoing, read, until


def said(process: subprocess.Popen[str]) -> Any:
    """The process's next line; fails when it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the process ended with {process.poll()}"
    return json.loads(line)


def test_what_a_killed_publisher_was_told_is_safe_stays(log: Log) -> None:
    topic = log.topic(partitions=2)
    process = log.process("publish", topic)
    while said(process) < 30:
        pass
    process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    told = 30 + len(process.stdout.read().split())  # what it said before it died, in whole lines
    got = sorted(set(bodies(read(log.reader(None, topic), told + 1))))  # type: ignore[type-var]
    assert got[: told + 1] == list(range(told + 1))
    assert len(got) <= told + 2

    log.bus.publish(outgoing(topic, "key", "after"))
    reader = log.reader(None, topic)
    until(lambda: "after" in bodies(reader.poll(0.2)), "record of the next publisher")


def test_a_killed_readers_places_move_to_another(log: Log) -> None:
    topic, group = log.topic(partitions=3), log.name("group")
    log.bus.publish([record for n in range(30) for record in outgoing(topic, f"key-{n}", n)])
    process = log.process("consume", topic, group)
    seen: list[int] = []
    while len(seen) < 30:
        seen += said(process).get("n", [])
    process.send_signal(signal.SIGKILL)
    process.wait()

    heir = log.reader(group, topic)
    assert sorted(bodies(read(heir, 30))) == list(range(30))  # type: ignore[type-var]
    assert len(heir.places()) == 3


def test_a_frozen_reader_loses_its_places_and_comes_back_to_its_share(log: Log) -> None:
    """On the embedded log it reads nothing when it wakes. A Kafka client may still hand out what its last fetch brought: readers fold duplicates."""
    topic, group = log.topic(partitions=2), log.name("group")
    process = log.process("consume", topic, group)
    while len(said(process)["places"]) < 2:
        pass
    process.send_signal(signal.SIGSTOP)
    heir = log.reader(group, topic)
    until(lambda: not heir.poll(0.2) and len(heir.places()) == 2, "handover")
    log.bus.publish([record for n in range(10) for record in outgoing(topic, f"key-{n}", n)])
    records = read(heir, 10)
    heir.commit({record.place: record.offset + 1 for record in records})

    process.send_signal(signal.SIGCONT)
    places: list[int] = []

    def rejoined() -> bool:
        heir.poll(0.2)
        return len(heir.places()) == 1

    until(rejoined, "return of the frozen member")
    while len(places) != 1:
        news = said(process)
        assert "n" not in news or log.kind == "kafka", news
        places = news.get("places", places)


def test_while_the_log_is_away_publish_says_so_and_works_again_after(log: Log) -> None:
    if not log.can_go_away:
        missing("a broker that can be paused (a launcher)")
    topic, bus, reader = log.topic(partitions=1), log.hasty(), log.reader(None, log.topic())
    bus.publish(outgoing(topic, "key", 0))
    reader.poll(0.1)
    log.away()
    with pytest.raises(LogAwayError):
        bus.publish(outgoing(topic, "key", 1))
    reader.commit({})
    log.back()

    def published() -> bool:
        try:
            bus.publish(outgoing(topic, "key", 1, 2))
        except LogAwayError:
            return False
        return True

    until(published, "publish after the log came back")
    records = []

    def all_there() -> bool:
        records.extend(again.poll(0.2))
        return {0, 1, 2} <= set(bodies(records))

    again = log.reader(None, topic)
    until(all_there, "records")
    first_seen = list(dict.fromkeys(record.headers["ce_id"] for record in records))
    assert first_seen == ["key/0", "key/1", "key/2"]


def test_a_reader_can_be_made_and_closed_while_the_log_is_away(log: Log) -> None:
    if not log.can_go_away:
        missing("a broker that can be paused (a launcher)")
    topic, group = log.topic(partitions=1), log.name("group")
    log.bus.publish(outgoing(topic, "key", 1))
    unpolled = log.reader(group, topic)
    log.away()
    unpolled.close()
    reader = log.reader(group, topic)
    log.back()
    assert bodies(read(reader, 1)) == [1]
