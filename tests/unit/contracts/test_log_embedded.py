"""The embedded log's own affairs: retention, compaction, damage, what stands on the disk, and what members share."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import LogAwayError, LogRefusedError, SettingsError
from contracts.log_embedded import EmbeddedBus
from contracts.log_embedded_groups import shares
from contracts.log_embedded_store import FILE_NAME, connect, shrink_wal
from contracts.ports import Outgoing, Place, TopicSpec

DAY_S = 86_400.0


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bus(tmp_path: Path, clock: Clock) -> Iterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path, max_bytes=100_000, clock=clock)
    yield bus
    bus.close()


def left(bus: EmbeddedBus, topic: str) -> list[bytes]:
    """The values that a newcomer reads."""
    reader = bus.reader(None, [topic])
    values = []
    while records := reader.poll(0.0):
        values += [record.value for record in records]
    reader.close()
    return values


def test_records_past_their_age_go_and_the_others_stay(bus: EmbeddedBus, clock: Clock) -> None:
    bus.ensure_topics([TopicSpec("days", 1, retention_s=DAY_S), TopicSpec("ever", 1)])
    for n in range(4):
        bus.publish([Outgoing(topic, "key", b"%d" % n) for topic in ("days", "ever")])
        clock.now += DAY_S / 2
    bus.sweep()
    assert left(bus, "days") == [b"2", b"3"]
    assert left(bus, "ever") == [b"0", b"1", b"2", b"3"]


def test_publishing_trims_by_itself_in_shares(bus: EmbeddedBus, clock: Clock) -> None:
    bus.ensure_topics([TopicSpec("days", 2, retention_s=DAY_S)])
    bus.publish([Outgoing("days", f"key-{n}", b"") for n in range(12_000)])
    clock.now += 2 * DAY_S
    for _ in range(4):
        bus.publish([Outgoing("days", "key", b"new")])
    assert left(bus, "days") == [b"new"] * 4


def test_offsets_go_on_after_everything_was_trimmed(bus: EmbeddedBus, clock: Clock) -> None:
    bus.ensure_topics([TopicSpec("days", 1, retention_s=DAY_S)])
    bus.publish([Outgoing("days", "key", b"")] * 5)
    clock.now += 2 * DAY_S
    bus.sweep()
    reader = bus.reader(None, ["days"], lambda place: 2)
    assert reader.poll(0.0) == []
    assert reader.lag() == {Place("days", 0): 0}
    bus.publish([Outgoing("days", "key", b"")])
    assert [record.offset for record in reader.poll(10.0)] == [5]
    reader.close()


def test_the_oldest_go_when_the_bytes_are_too_many(bus: EmbeddedBus, clock: Clock) -> None:
    bus.ensure_topics([TopicSpec("days", 1, retention_s=DAY_S), TopicSpec("more", 1, retention_s=DAY_S), TopicSpec("ever", 1)])
    for n in range(100):
        clock.now += 1
        bus.publish([Outgoing(topic, "key", b"%02d" % n + bytes(1_000)) for topic in ("days", "more", "ever")])
    for _ in range(10):
        bus.sweep()
    kept = [left(bus, topic) for topic in ("days", "more")]
    assert 90_000 < sum(len(value) for values in kept for value in values) <= 100_000
    assert all(values[-1].startswith(b"99") for values in kept)
    assert all(48 <= len(values) <= 51 for values in kept)
    assert len(left(bus, "ever")) == 100


def test_a_compacted_topic_keeps_each_keys_last(bus: EmbeddedBus) -> None:
    bus.ensure_topics([TopicSpec("incidents", 2, compacted=True)])
    bus.publish([Outgoing("incidents", f"incident-{n % 7}", b"%d" % n) for n in range(1_000)])
    bus.sweep()
    assert sorted(left(bus, "incidents")) == [b"%d" % n for n in range(993, 1_000)]
    bus.publish([Outgoing("incidents", "incident-0", b"x")])
    bus.sweep()
    assert len(left(bus, "incidents")) == 8  # few new records are not worth a walk


def test_a_compacted_topic_with_a_retention_lets_keys_go_that_nobody_renews(bus: EmbeddedBus, clock: Clock) -> None:
    bus.ensure_topics([TopicSpec("reports", 1, retention_s=DAY_S, compacted=True)])
    bus.publish([Outgoing("reports", key, b"%d" % n) for n in range(200) for key in ("stays", "goes")])
    bus.sweep()
    assert left(bus, "reports") == [b"199", b"199"]
    clock.now += DAY_S / 2
    bus.publish([Outgoing("reports", "stays", b"new")])
    clock.now += DAY_S * 0.6
    bus.sweep()
    assert left(bus, "reports") == [b"new"]


def test_a_reader_in_the_middle_of_a_compacted_topic_goes_on(bus: EmbeddedBus) -> None:
    bus.ensure_topics([TopicSpec("incidents", 1, compacted=True)])
    bus.publish([Outgoing("incidents", f"incident-{n % 7}", b"%d" % n) for n in range(500)])
    reader = bus.reader(None, ["incidents"])
    first = reader.poll(0.0, max_records=100)
    bus.sweep()
    rest = reader.poll(0.0)
    reader.close()
    assert first[-1].offset == 99
    assert [record.value for record in rest] == [b"%d" % n for n in range(493, 500)]


def test_a_topic_without_partitions_is_refused(bus: EmbeddedBus) -> None:
    with pytest.raises(SettingsError, match="topic t asks for 0 partitions"):
        bus.ensure_topics([TopicSpec("t", 0)])


def test_a_damaged_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.raises(LogRefusedError, match=str(tmp_path)):
        EmbeddedBus(tmp_path, busy_s=0.2).ensure_topics([TopicSpec("t", 1)])


def test_another_format_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(LogRefusedError, match="format 99"):
        EmbeddedBus(tmp_path).ensure_topics([TopicSpec("t", 1)])


def test_a_folder_that_cannot_be_made_is_away_or_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogAwayError, match="cannot be reached"):
        EmbeddedBus(tmp_path / "file" / "log").ensure_topics([TopicSpec("t", 1)])


def test_publish_waits_for_the_disk_and_readers_do_not(tmp_path: Path) -> None:
    for durable, expected in ((True, 2), (False, 1)):
        connection = connect(tmp_path, 1.0, durable)
        assert connection.execute("PRAGMA synchronous").fetchone() == (expected,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


def test_a_write_ahead_file_that_outgrew_its_limit_is_emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.log_embedded_store._WAL_LIMIT_BYTES", 10_000)
    bus = EmbeddedBus(tmp_path)
    bus.ensure_topics([TopicSpec("t", 1)])
    bus.publish([Outgoing("t", "key", bytes(50_000))])
    wal = tmp_path / f"{FILE_NAME}-wal"
    assert wal.stat().st_size > 10_000
    connection = connect(tmp_path, 1.0, durable=False)
    shrink_wal(connection, tmp_path)
    assert wal.stat().st_size == 0
    connection.close()
    bus.close()


def test_many_processes_may_make_the_log_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from contracts.log_embedded import EmbeddedBus; from contracts.ports import *;"
        "bus = EmbeddedBus(Path(sys.argv[1]), busy_s=60); bus.ensure_topics([TopicSpec('t', 3)]);"
        "[bus.publish([Outgoing('t', sys.argv[2], b'%d' % n)]) for n in range(50)]"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    processes = [subprocess.Popen([*command, f"key-{n}"], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) for n in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    bus = EmbeddedBus(tmp_path / "log")
    assert len(left(bus, "t")) == 200
    bus.close()


@given(st.integers(1, 6), st.lists(st.integers(1, 20), min_size=1, max_size=3))
def test_shares_are_fair_and_complete(count: int, partitions: list[int]) -> None:
    places, start = {}, 0
    for i, size in enumerate(partitions):
        places[f"topic-{i}"] = list(range(start, start + size))
        start += size
    owners = shares([(member, frozenset(places)) for member in range(count)], places, sole=False)
    assert sorted(owners) == list(range(start))
    for of_topic in places.values():
        held = [sum(owners[place] == member for place in of_topic) for member in range(count)]
        assert max(held) - min(held) <= 1


def test_a_topic_that_nobody_reads_has_no_owner() -> None:
    assert shares([(1, frozenset("a"))], {"a": [1], "b": [2]}, sole=False) == {1: 1}
    assert shares([], {"a": [1]}, sole=True) == {}


def test_a_sole_holder_is_the_first_member_who_reads_the_topic() -> None:
    members = [(3, frozenset("a")), (5, frozenset("ab"))]
    assert shares(members, {"a": [1, 2], "b": [7]}, sole=True) == {1: 3, 2: 3, 7: 5}
