"""How often the monitor saves: a slow store takes a bounded share of its time, and a killed process has a bounded stretch to judge again. And how often it
says that it waits: once an outage."""

import threading
from typing import Any

import pytest

from contracts.errors import LogAwayError, StoreError
from monitor import service, stores
from monitor.service import MOST_UNSAVED_S, QUIET_SHARE, SAVING_SHARE, Service, pause_s


@pytest.mark.parametrize("saving_s", [0.001, 0.02, 0.2])
@pytest.mark.parametrize(("said", "share"), [(True, SAVING_SHARE), (False, QUIET_SHARE)])
def test_saving_takes_no_more_than_its_share_of_the_time(saving_s: float, said: bool, share: float) -> None:
    assert saving_s / pause_s(saving_s, 0.0, said) <= share * 1.000001


def test_verdicts_go_at_once_and_quiet_times_are_saved_as_often_as_set() -> None:
    assert pause_s(0.0, 0.5, said=True) == 0
    assert pause_s(0.001, 0.5, said=False) == 0.5


@pytest.mark.parametrize("said", [True, False])
def test_however_slow_the_store_what_is_judged_is_saved_within_a_bound(said: bool) -> None:
    assert pause_s(60.0, 0.5, said) == MOST_UNSAVED_S


def test_an_outage_is_told_once_and_its_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(service, "RETRY_S", 0.0)
    stop, monitor = threading.Event(), Service.__new__(Service)
    monitor.active = monitor.reading = False
    monitor._model = "m"
    reader: Any = type("Reader", (), {"close": lambda self: None})()
    monitor._bus = type("Bus", (), {"reader": lambda *_, **__: reader})()  # type: ignore[assignment]
    course = ["away", "away", "", "", "away", "gone", "gone", ""]

    def around(_: object) -> None:
        if trouble := course.pop(0):
            raise LogAwayError(trouble)

    def beat() -> None:
        if not course:
            stop.set()

    monkeypatch.setattr(monitor, "_round", around)
    with caplog.at_level("INFO"):
        monitor._follow(stop, beat)
    assert [record.getMessage() for record in caplog.records] == ["waiting", "goes_on", "waiting", "waiting", "goes_on"]


def test_a_store_that_does_not_answer_at_the_start_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stores, "RETRY_S", 0.0)
    store, tries = object(), iter(["refused", "refused", "starting up", ""])

    def opened() -> Any:
        if trouble := next(tries):
            raise StoreError(trouble)
        return store

    with caplog.at_level("INFO"):
        assert stores.wait_for_store(opened, threading.Event()) is store
    assert [record.getMessage() for record in caplog.records] == ["waiting", "waiting"]
