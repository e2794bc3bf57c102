"""The log's past: it ends where it was asked to, however busy the log is now, and waits for a place that is slow to deliver."""

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.errors import LogAwayError
from contracts.events import AnyEvent, encode
from contracts.ports import Place, Record
from monitor.backtest import topic
from monitor.backtest.topic import LogPast
from tests.monitor_line import START, Line, usual

PLACES = (Place("keepsight.frames", 0), Place("keepsight.frames", 1))


class BusyLog:
    """A bus and its reader over given polls; each is the records and the lag after it, None for a lag that cannot be measured yet."""

    def __init__(self, polls: Iterator[tuple[list[Record], dict[Place, int] | None]]) -> None:
        self._polls = polls
        self._lag: dict[Place, int] | None = {}
        self.closed = False

    def reader(self, *_: object) -> Any:
        return self

    def poll(self, *_: object) -> list[Record]:
        records, self._lag = next(self._polls)
        return records

    def places(self) -> frozenset[Place]:
        return frozenset(PLACES)

    def lag(self) -> dict[Place, int]:
        if self._lag is None:
            raise LogAwayError("no position yet")
        return self._lag

    def close(self) -> None:
        self.closed = True


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[AnyEvent]:
    return list(Line(tmp_path_factory.mktemp("line"), step_s=1.0).pass_by(("cam-1", "cam-2"), 10, usual()))


def record(event: AnyEvent, number: int, offset: int) -> Record:
    out = encode(event, "test")
    return Record(PLACES[number], offset, out.key, out.value, {}, int(1000 * event.occurred_at))


def past(log: BusyLog, since: float = 0.0, until: float = START + 1_000) -> LogPast:
    return LogPast(log, "log", since, until)  # type: ignore[arg-type]  # what a Bus needs here


def test_a_place_that_has_more_is_waited_for(told: list[AnyEvent]) -> None:
    first = [record(event, 0, n) for n, event in enumerate(told[::2])]
    second = [record(event, 1, n) for n, event in enumerate(told[1::2])]
    polls = [
        ([], None),
        (first, {PLACES[0]: 0, PLACES[1]: 10}),
        ([], {PLACES[0]: 0, PLACES[1]: 10}),
        (second, dict.fromkeys(PLACES, 0)),
    ]
    log = BusyLog(iter(polls))
    assert [one.event for one in past(log).read()] == told
    assert log.closed


def test_it_ends_at_its_time_while_the_log_goes_on(told: list[AnyEvent]) -> None:
    def polls() -> Iterator[tuple[list[Record], dict[Place, int]]]:
        for n in range(0, 20, 2):
            yield [record(told[n], 0, n), record(told[n + 1], 1, n + 1)], dict.fromkeys(PLACES, 1_000_000)
        raise AssertionError("it reads on after its time")

    found = [one.event for one in past(BusyLog(polls()), START + 3.5, START + 10.5).read()]
    assert found == told[3:10]


def test_a_record_that_is_no_event_is_told_with_its_place(told: list[AnyEvent]) -> None:
    bad = Record(PLACES[1], 7, "", b"spam", {}, int(1000 * START))
    source = past(BusyLog(iter([([bad, record(told[0], 0, 0)], dict.fromkeys(PLACES, 0))])))
    assert [one.event for one in source.read()] == told[:1]
    assert source.source.reasons[0].startswith("log:keepsight.frames[1]@7: ")


@pytest.mark.parametrize("lag", [None, {PLACES[0]: 5, PLACES[1]: 0}])
def test_a_log_that_gives_nothing_is_given_up(lag: dict[Place, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic, "PATIENCE", 3)
    with pytest.raises(LogAwayError):
        list(past(BusyLog(iter([([], lag)] * 3))).read())
