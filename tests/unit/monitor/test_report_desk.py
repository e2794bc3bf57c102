"""The desk for reports: one at a time, once however often it is asked for, anew when an incident becomes a page, and an answer for every address."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.incidents import Incident
from monitor.report import desk as desks
from monitor.report.desk import Desk
from monitor.report.shelf import Shelf
from tests.unit.monitor.test_report_shelf import incident

PATIENCE_S = 20.0


class Maker:
    """Makes a page when it is let, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Incident] = []
        self.at_work = 0
        self.reason = ""
        self.counted: list[str] = []
        self.let = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def __call__(self, one: Incident, page: Path, stop: threading.Event) -> str:
        self.at_work += 1
        assert self.at_work == 1
        self.asked.append(one)
        self.begun.release()
        while not self.let.acquire(timeout=0.01):
            if stop.is_set():
                self.at_work -= 1
                return "stopped"
        if not self.reason:
            page.write_text(f"made of {one.headline}")
        self.at_work -= 1
        return self.reason


Open = Callable[[], Desk]


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
def opened(tmp_path: Path, maker: Maker) -> Iterator[Open]:
    made: list[Desk] = []

    def open_desk() -> Desk:
        for desk in made:
            desk.close()
        made.append(Desk(Shelf(tmp_path, pages=10), maker, maker.counted.append))
        return made[-1]

    yield open_desk
    made[-1].close()


def name(one: Incident) -> str:
    return f"{one.incident_id}.html"


def settled(desk: Desk, one: Incident) -> tuple[int, bytes]:
    """The answer once it is not 202 any more."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        if (answer := desk.answer(name(one))).status != 202:
            return answer.status, answer.body
        tick.wait(0.01)
    raise AssertionError("still being made")


def test_an_open_incident_gets_its_report_once(opened: Open, maker: Maker) -> None:
    desk, one = opened(), incident(1)
    assert desk.answer(name(one)).status == 404
    for _ in range(5):
        desk.keep_up([one, incident(2, report="")])
    assert desk.answer(name(one)).status == 202
    assert desk.answer(name(one)).status == 202
    assert desk.answer(name(incident(2))).status == 404
    maker.let.release()
    assert settled(desk, one) == (200, b"made of number 1")
    desk.keep_up([one])
    assert maker.asked == [one]
    assert maker.counted == ["made"]


def test_it_is_made_anew_when_it_becomes_a_page_changes_hands_or_is_asked_for(opened: Open, maker: Maker) -> None:
    desk, one = opened(), incident(1)
    page = incident(1, severity="page", headline="a page")
    handed = msgspec.structs.replace(page, version="2", headline="of 2")
    desk.keep_up([one])
    assert maker.begun.acquire(timeout=PATIENCE_S)
    desk.keep_up([page])  # while the first is at work: it is made after it
    for _ in range(2):
        maker.let.release()
    assert settled(desk, one) == (200, b"made of a page")
    desk.keep_up([handed])
    maker.let.release()
    assert settled(desk, one) == (200, b"made of of 2")
    assert desk.answer(f"{name(one)}?again").status == 202
    assert desk.answer(f"{name(one)}?again").status == 202
    maker.let.release()
    assert settled(desk, one)[0] == 200
    assert [a.headline for a in maker.asked] == ["number 1", "a page", "of 2", "of 2"]


def test_a_failure_is_told_and_can_be_tried_again(opened: Open, maker: Maker) -> None:
    desk, one = opened(), incident(1)
    maker.reason = "no <disk>"
    desk.keep_up([one])
    maker.let.release()
    status, body = settled(desk, one)
    assert status == 500
    assert b"no &lt;disk&gt;" in body
    desk.keep_up([one])
    assert settled(desk, one)[0] == 500
    assert len(maker.asked) == 1
    maker.reason = ""
    assert desk.answer(f"{name(one)}?again").status == 202
    maker.let.release()
    assert settled(desk, one)[0] == 200


def test_after_a_restart_pages_are_there_and_missing_ones_are_made_when_asked_for(opened: Open, maker: Maker) -> None:
    desk, done, killed = opened(), incident(1), incident(2)
    desk.keep_up([done])
    maker.let.release()
    assert settled(desk, done)[0] == 200
    desk.keep_up([done, killed])
    assert maker.begun.acquire(timeout=PATIENCE_S)
    assert maker.begun.acquire(timeout=PATIENCE_S)
    desk = opened()  # the second was at work
    assert desk.answer(name(done)).status == 200
    assert desk.answer(name(killed)).status == 202
    maker.let.release()
    assert settled(desk, killed)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "", "x", "..", "../x.html", "%2e%2e/x.html", ".html", "/etc/passwd", "../../monitor-m.sqlite", "0197723a-dc80-7000-8000-000000000001.json",
        "0197723a-dc80-7000-8000-000000000001.html/..", "0197723a-dc80-7000-8000-000000000001.html?x", "0197723a-dc80-4000-8000-000000000001.html",
        "0197723A-DC80-7000-8000-000000000001.html", "0197723a-dc80-7000-8000-000000000001.html\n", "\x00",
    ],
)  # fmt: skip
def test_other_addresses_are_unknown_and_start_nothing(opened: Open, maker: Maker, path: str) -> None:
    desk = opened()
    desk.keep_up([incident(1)])
    assert maker.begun.acquire(timeout=PATIENCE_S)
    answer = desk.answer(path)
    assert answer.status == 404
    assert b"keepsight report INCIDENT" in answer.body
    assert len(maker.asked) == 1


def test_the_line_is_bounded_and_what_did_not_fit_comes_later(opened: Open, maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "MOST_WAITING", 2)
    desk, many = opened(), [incident(number) for number in range(4)]
    desk.keep_up(many)
    assert desk.answer(name(many[3])).status == 503
    for one in many[:2]:
        maker.let.release()
        assert settled(desk, one)[0] == 200
    desk.keep_up(many)
    assert desk.answer(name(many[3])).status == 202


def test_a_full_disk_is_a_reason(opened: Open, maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    desk, one = opened(), incident(1)
    monkeypatch.setattr(Shelf, "ask", full)
    desk.keep_up([one])
    status, body = settled(desk, one)
    assert status == 500
    assert b"No space left" in body


def test_a_bug_in_one_report_does_not_end_the_others(
    opened: Open, maker: Maker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    desk, one, other = opened(), incident(1), incident(2)
    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "ask", broken)
        desk.keep_up([one])
        status, body = settled(desk, one)
    assert (status, b"ValueError: a bug" in body) == (500, True)
    assert "report_not_handled" in [record.getMessage() for record in caplog.records]
    desk.keep_up([one, other])
    maker.let.release()
    assert settled(desk, other)[0] == 200
