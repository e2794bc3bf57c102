"""Finding a stretch of time in a topic of a real embedded log, whose clock the test sets, without reading the topic."""

from collections.abc import Iterator

import pytest

from contracts import events
from contracts.log_embedded import EmbeddedBus
from contracts.ports import Bus, Outgoing, Reader, Record, StartAt
from monitor.report.window import EARLY_S, LATE_S, NEAR, Span, narrowed, spans

TOPIC = events.LABELS
START, STEP_S = 1_750_000_000.0, 100.0
BATCHES, EACH = 60, 240


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Counting:
    """A bus that counts the records it hands out."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.records = 0

    def reader(self, group: str | None, topics: list[str], start_at: StartAt | None = None) -> Reader:
        reader = self._bus.reader(group, topics, start_at)
        poll = reader.poll

        def counted(timeout_s: float, max_records: int = 500) -> list[Record]:
            records = poll(timeout_s, max_records)
            self.records += len(records)
            return records

        reader.poll = counted  # type: ignore[method-assign]
        return reader


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """14,400 records over 100 minutes, on the four keys' places, one of which fell silent half-way."""
    clock = Clock()
    bus = EmbeddedBus(tmp_path_factory.mktemp("log"), clock=clock)
    bus.ensure_topics([topic for topic in events.TOPICS if topic.name == TOPIC])
    for batch in range(BATCHES):
        clock.now = START + batch * STEP_S
        keys = 4 if batch < BATCHES // 2 else 3
        bus.publish([Outgoing(TOPIC, f"m/cam-{number % keys}", str(batch).encode()) for number in range(EACH)])
    yield bus
    bus.close()


def never() -> bool:
    return False


def read(bus: Bus, part: dict[object, Span]) -> list[int]:
    """The batches of the records in these spans."""
    reader = bus.reader(None, [TOPIC], lambda place: part[place].first)
    found = []
    while records := reader.poll(0.0, 5000):
        found += [int(record.value) for record in records if record.offset < part[record.place].end]
    reader.close()
    return found


def test_the_whole(bus: Bus) -> None:
    whole = spans(bus, TOPIC, never)
    assert len(whole) == 12
    assert sum(span.end - span.first for span in whole.values()) == BATCHES * EACH
    assert sorted(read(bus, whole)) == sorted(list(range(BATCHES)) * EACH)  # type: ignore[arg-type]
    assert narrowed(bus, TOPIC, whole, float("-inf"), float("inf"), never) == whole


@pytest.mark.parametrize(("begin", "end"), [(0, 3), (20, 25), (29, 31), (55, 59), (70, 80), (-20, -10)])
def test_a_stretch_holds_all_of_its_time_and_little_else(bus: Bus, begin: int, end: int) -> None:
    whole = spans(bus, TOPIC, never)
    counting = Counting(bus)
    since, until = START + begin * STEP_S, START + end * STEP_S
    part = narrowed(counting, TOPIC, whole, since, until, never)  # type: ignore[arg-type]
    found = read(bus, part)  # type: ignore[arg-type]
    wanted = [batch for batch in range(BATCHES) if begin <= batch <= end]
    assert {batch: found.count(batch) for batch in wanted} == dict.fromkeys(wanted, EACH)
    slack = (EARLY_S + LATE_S) / STEP_S * EACH + 4 * 2 * NEAR
    assert len(found) <= len(wanted) * EACH + slack
    assert counting.records < 600


def test_without_time_it_stays_wide(bus: Bus) -> None:
    whole = spans(bus, TOPIC, never)
    assert narrowed(bus, TOPIC, whole, START + 20 * STEP_S, START + 25 * STEP_S, lambda: True) == whole
