"""What every log must hold about groups of which one member holds everything: who joins stands by, who dies or freezes is succeeded, by one, in all."""

import json
import os
import signal
import subprocess
import threading
import time
from typing import Any

from contracts.ports import Place, Reader
from tests.laws.logs import Log, bodies, outgoing, read, until


def holds(reader: Reader) -> int:
    """How many places it holds after a poll; what that brings is dropped."""
    reader.poll(0.1)
    return len(reader.places())


def said(process: subprocess.Popen[str]) -> Any:
    """The process's next line; fails when it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the process ended with {process.poll()}"
    return json.loads(line)


def holder(log: Log, topic: str, group: str, places: int) -> subprocess.Popen[str]:
    """A process that holds all places."""
    process = log.process("consume-sole", topic, group)
    while len(said(process)["places"]) < places:
        pass
    return process


def test_one_member_holds_all_and_who_joins_takes_nothing(log: Log) -> None:
    topics, group = [log.topic(partitions=4), log.topic(partitions=1)], log.name("group")
    given: list[Place] = []
    active = log.reader(group, *topics, start_at=lambda place: given.append(place), sole=True)  # type: ignore[func-returns-value]
    until(lambda: holds(active) == 5, "places")
    standby: list[Reader] = []

    def settled() -> bool:
        return [holds(member) for member in (active, *standby)] == [5] + [0] * len(standby) and joined(log, standby[-1])

    for n in range(2):
        standby.append(log.reader(group, *topics, sole=True))
        until(settled, "membership")
        log.bus.publish([record for i in range(8) for record in outgoing(topics[0], f"key-{i}", 100 * n + i)])
        assert len(read(active, 8)) == 8
        assert len(active.places()) == 5
        assert [holds(member) for member in standby] == [0] * (n + 1)
    assert sorted(given) == sorted({*given})  # none of its places ever left it


def joined(log: Log, reader: Any) -> bool:
    """Whether a standby is a member of its group by now."""
    if log.kind == "embedded":
        return bool(reader._member._member)
    return reader._consumer is not None and reader._consumer._coordinator.stable()


def test_who_leaves_hands_all_to_one(log: Log) -> None:
    topic, group = log.topic(partitions=4), log.name("group")
    log.bus.publish([record for n in range(20) for record in outgoing(topic, f"key-{n}", n)])
    members = [log.reader(group, topic, sole=True) for _ in range(3)]
    for left in range(3, 0, -1):
        until(lambda: sorted(holds(member) for member in members) == [0] * (left - 1) + [4], "one holder")  # noqa: B023
        active = next(member for member in members if member.places())
        members.remove(active)
        active.close()


def test_a_holder_that_falls_silent_is_succeeded_from_the_saved_state_and_wakes_to_stand_by(log: Log) -> None:
    topic, group = log.topic(partitions=2), log.name("group")
    process = holder(log, topic, group, 2)
    log.bus.publish(outgoing(topic, "key", *range(10)))
    process.send_signal(signal.SIGSTOP)
    heir = log.reader(group, topic, start_at=lambda place: 0, sole=True)
    assert bodies(read(heir, 10)) == list(range(10))
    assert len(heir.places()) == 2
    process.send_signal(signal.SIGCONT)
    told: list[Any] = []
    threading.Thread(target=lambda: told.extend(map(json.loads, process.stdout or ())), daemon=True).start()
    until(lambda: holds(heir) == 2 and {"places": []} in told, "notice of the loss", lambda: str(told))
    after = told[told.index({"places": []}) :]
    assert not any("n" in news for news in after)
    again = time.monotonic() + 1.0  # long enough for a member that comes back to take something if it could
    while time.monotonic() < again:
        assert holds(heir) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holds(heir) == 2


def test_a_standby_costs_next_to_nothing(log: Log) -> None:
    topic, group = log.topic(partitions=4), log.name("group")
    active, standby = log.reader(group, topic, sole=True), log.reader(group, topic, sole=True)
    until(lambda: holds(active) + holds(standby) == 4, "one holder")
    idle = next(reader for reader in (active, standby) if not reader.places())
    before = os.times()
    for _ in range(10):
        assert idle.poll(0.1) == []
    after = os.times()
    assert after.user + after.system - before.user - before.system < 0.5  # of one second
