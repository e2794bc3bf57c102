"""Fencing in the embedded log's groups: step by step, under a clock that moves when told, so that the unlucky moments happen every time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.log_embedded import EmbeddedBus
from contracts.ports import Outgoing, Place, Reader, TopicSpec

LEASE_S = 1_000.0
"""Longer than any test: the heartbeat's thread, which lives in real time, never beats here."""


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
    bus = EmbeddedBus(tmp_path, lease_s=LEASE_S, clock=clock)
    bus.ensure_topics([TopicSpec("topic", 4)])
    yield bus
    bus.close()


@pytest.fixture
def members(bus: EmbeddedBus) -> Iterator[list[Reader]]:
    members = [bus.reader("group", ["topic"]) for _ in range(2)]
    yield members
    for member in members:
        member.close()


def publish(bus: EmbeddedBus, count: int = 20) -> None:
    bus.publish([Outgoing("topic", f"key-{n}", b"") for n in range(count)])


def test_a_newcomer_waits_until_the_holder_lets_go(bus: EmbeddedBus, members: list[Reader]) -> None:
    first, second = members
    assert (first.poll(0), len(first.places())) == ([], 4)
    publish(bus)
    assert (second.poll(0), second.places()) == ([], frozenset())
    assert {record.place.partition for record in first.poll(0)} == {0, 1}
    assert {record.place.partition for record in second.poll(0)} == {2, 3}


def test_a_member_whose_lease_ran_out_is_replaced_and_joins_again_behind(clock: Clock, members: list[Reader]) -> None:
    first, second = members
    first.poll(0)
    clock.now += LEASE_S + 1
    second.poll(0)
    assert len(second.places()) == 4
    first.poll(0)
    assert first.places() == frozenset()
    second.poll(0)
    first.poll(0)
    assert {place.partition for place in second.places()} == {0, 1}
    assert {place.partition for place in first.places()} == {2, 3}


def test_a_lease_from_a_clock_since_set_back_counts_as_expired(clock: Clock, members: list[Reader]) -> None:
    first, second = members
    first.poll(0)
    clock.now -= 100 * LEASE_S
    second.poll(0)
    assert len(second.places()) == 4


def test_who_has_not_noticed_its_loss_reads_nothing(
    bus: EmbeddedBus, clock: Clock, members: list[Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking at the group and fetching, another took over: the fetch sees it."""
    first, second = members
    first.poll(0)
    clock.now += LEASE_S + 1
    second.poll(0)
    publish(bus)
    monkeypatch.setattr(first, "_take_places", lambda connection: None)
    assert len(first.places()) == 4
    assert first.poll(0) == []
    assert len(second.poll(0)) == 20


def test_who_has_not_noticed_its_loss_cannot_turn_the_commit_back(bus: EmbeddedBus, clock: Clock, members: list[Reader]) -> None:
    first, second = members
    publish(bus)
    records = first.poll(0)
    clock.now += LEASE_S + 1
    assert len(second.poll(0)) == 20
    second.commit({record.place: record.offset + 1 for record in records})
    first.commit(dict.fromkeys(first.places(), 0))
    first.close()
    second.close()
    third = bus.reader("group", ["topic"])
    assert third.poll(0) == []
    assert third.lag() == {Place("topic", partition): 0 for partition in range(4)}
    third.close()


def test_a_reader_that_does_not_poll_any_more_stops_renewing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contracts.log_embedded_groups._FORGOTTEN_S", 0.0)
    bus = EmbeddedBus(tmp_path, lease_s=0.2)
    bus.ensure_topics([TopicSpec("topic", 1)])
    hung, heir = bus.reader("group", ["topic"]), bus.reader("group", ["topic"])
    hung.poll(0)
    for _ in range(600):
        heir.poll(0.1)
        if heir.places():
            break
    assert len(heir.places()) == 1
    for member in (hung, heir):
        member.close()
    bus.close()
