"""The console reads the log by itself: from the beginning, past what cannot be parsed, through its absences."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from contracts import events
from contracts.errors import LogAwayError
from contracts.labelling import labelled
from contracts.log import open_bus
from contracts.ports import Bus, Outgoing, Place, Reader, Record, StartAt
from contracts.predictions import ClassTruth
from monitor.console import following
from monitor.console.following import Follower
from monitor.console.view import View
from tests.console_house import MODEL, NOW, ConsoleHouse
from tests.small_model import photographs


def eventually(done: Callable[[], bool]) -> None:
    for _ in range(600):
        if done():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come")


def test_everything_that_the_log_holds_is_read_and_what_follows(tmp_path: Path) -> None:
    house = ConsoleHouse(tmp_path)
    house.publish(house.job(2, "succeeded"), house.rollout("2", "shadow"), house.want([]))
    house.bus.publish([Outgoing(events.RETRAIN, MODEL, b"no event")])
    view = View(MODEL)
    assert view.trouble is not None
    follower = Follower(house.bus, view)
    eventually(lambda: view.trouble is None)
    assert [job.last.state for job in view.jobs()] == ["succeeded"]
    assert view.newest_rollout() is not None
    assert view.wanted() is not None
    house.publish(house.job(1, "running"))
    eventually(lambda: len(view.jobs()) == 2)
    follower.close()
    house.close()


def test_what_was_labelled_before_a_restart_is_done_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of a topic that grew for years only its end is read for that."""
    monkeypatch.setattr(following, "LABELS_BACK", 3)
    house = ConsoleHouse(tmp_path)
    cards = [house.frame(one) for one in photographs(5)[0]]
    house.publish(house.want(cards))
    house.publish(*(labelled(card, ClassTruth("china"), "ada", "console", NOW) for card in cards[:4]))
    house.publish(labelled(cards[4], ClassTruth("china"), "gate", "endpoint", NOW))
    view = View(MODEL)
    follower = Follower(house.bus, view)
    eventually(lambda: view.trouble is None)
    assert [view.said.of(card.frame_id) is not None for card in cards] == [False, False, True, True, False]
    follower.close()
    house.close()


def test_a_bug_at_one_event_is_told_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = ConsoleHouse(tmp_path)
    house.publish(house.rollout("2", "shadow"), house.job(1, "running"))
    view = View(MODEL)
    take = view.take

    def buggy(event: events.AnyEvent) -> None:
        if isinstance(event, events.RolloutAdvanced):
            raise KeyError("a bug")
        take(event)

    monkeypatch.setattr(view, "take", buggy)
    with caplog.at_level("ERROR", "keepsight"):
        follower = Follower(house.bus, view)
        eventually(lambda: view.trouble is None)
    assert len(view.jobs()) == 1
    follower.close()
    house.close()
    assert [record.getMessage() for record in caplog.records] == ["console_event_failed"]


class Flaky:
    """A log that is away at the first look."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self.looks = bus, 0

    def reader(self, group: str | None, topics: Sequence[str], start_at: StartAt) -> Reader:
        reader = self._bus.reader(group, topics, start_at)
        flaky = self

        class Once:
            def poll(self, timeout_s: float, max_records: int = 500) -> list[Record]:
                flaky.looks += 1
                if flaky.looks == 1:
                    raise LogAwayError("broker-1:9092 does not answer")
                return reader.poll(timeout_s, max_records)

            def lag(self) -> dict[Place, int]:
                return reader.lag()

            def places(self) -> frozenset[Place]:
                return reader.places()

            def close(self) -> None:
                reader.close()

        return Once()  # type: ignore[return-value]  # what the follower asks of a reader


def test_an_absence_is_told_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.01)
    bus = open_bus(f"embedded://{tmp_path}/log")
    bus.ensure_topics(events.TOPICS)
    view = View(MODEL)
    with caplog.at_level("INFO", "keepsight"):
        follower = Follower(Flaky(bus), view)  # type: ignore[arg-type]  # what the follower asks of a bus
        eventually(lambda: view.trouble is None)
    follower.close()
    bus.close()
    assert [record.getMessage() for record in caplog.records] == ["console_waits"]
