"""The log so far is read to where it ended, also while others write."""

from pathlib import Path

import pytest

from contracts.errors import LogRefusedError
from contracts.log import open_bus
from contracts.ports import Bus, Outgoing, TopicSpec
from retrain.labels.past import records

TOPIC = TopicSpec("t", 3)


@pytest.fixture
def bus(tmp_path: Path) -> Bus:
    log = open_bus(f"embedded://{tmp_path}/log")
    log.ensure_topics([TOPIC])
    return log


def write(bus: Bus, first: int, count: int) -> None:
    bus.publish([Outgoing("t", f"k{number % 7}", str(number).encode()) for number in range(first, first + count)])


def test_everything_that_was_there_and_an_end_to_it(bus: Bus) -> None:
    write(bus, 0, 2000)
    told: list[tuple[int, int]] = []
    found = set()
    more = 2000
    for record in records(bus, ["t"], lambda *at: told.append(at)):
        found.add(int(record.value))
        write(bus, more, 1)  # a camera that never stops
        more += 1
    assert found >= set(range(2000))
    assert told[-1] == (2000, 2000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_empty_log_is_over_at_once(bus: Bus) -> None:
    assert list(records(bus, ["t"], lambda *at: None)) == []


def test_a_log_without_the_topic_says_what_makes_it(bus: Bus) -> None:
    with pytest.raises(LogRefusedError, match="`keepsight up` makes it"):
        list(records(bus, ["other"], lambda *at: None))
