"""The incidents that the console knows: the newest word of each, what became of it, and bounded without losing one that is open."""

import msgspec
import pytest

from monitor.console import decisions as kept
from monitor.console import incident_book as books
from monitor.console.decisions import Decisions
from monitor.console.incident_book import IncidentBook
from tests.console_house import NOW
from tests.console_night import closed, decided, incident, opened, updated


def test_an_incident_goes_from_its_first_word_to_its_last() -> None:
    book, one = IncidentBook(), incident(1, severity="ticket")
    page = msgspec.structs.replace(one, severity="page", acknowledged_by="Ada")
    book.take(opened(one))
    book.take(updated(page, NOW - 100, "acknowledged"))
    (open_one,) = book.open()
    assert (open_one.state, open_one.incident, open_one.said_at) == ("open", page, NOW - 100)
    book.take(closed(page, NOW - 50, "quiet"))
    assert book.open() == []
    (over,) = book.closed()
    assert (over.state, over.closed_at, over.resolution) == ("closed", NOW - 50, "quiet")
    assert [(word.why, word.severity) for word in over.words] == [
        ("opened", "ticket"),
        ("acknowledged", "page"),
        ("closed", "page"),
    ]
    assert book.get(one.incident_id) == over
    book.take(closed(incident(2), NOW - 10, false_alarm=True))
    assert [view.state for view in book.closed()] == ["false alarm", "closed"]
    assert [view.incident.incident_id for view in book.of_camera("belt-2")] == [incident(2).incident_id, one.incident_id]


def test_pages_come_before_tickets_and_the_newest_first() -> None:
    book = IncidentBook()
    for number, severity in ((1, "ticket"), (2, "page"), (3, "ticket"), (4, "page")):
        book.take(opened(incident(number, severity=severity, opened_at=NOW - number)))
    assert [view.incident.incident_id for view in book.open()] == [incident(number).incident_id for number in (2, 4, 1, 3)]


def test_it_is_bounded_and_what_is_open_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "MOST", 5)
    monkeypatch.setattr(books, "MOST_WORDS", 3)
    book = IncidentBook()
    book.take(opened(incident(0)))
    for number in range(1, 20):
        book.take(closed(incident(number), NOW + number))
    assert [view.incident.incident_id for view in book.open()] == [incident(0).incident_id]
    assert [view.incident.incident_id for view in book.closed()] == [incident(number).incident_id for number in (19, 18, 17, 16)]
    for number in range(9):
        book.take(updated(incident(0), NOW + number))
    (one,) = book.open()
    assert [word.at for word in one.words] == [incident(0).opened_at, NOW + 7, NOW + 8]
    for number in range(30, 40):
        book.take(opened(incident(number)))
    assert len(book.open()) == 5


def test_decisions_of_services_are_kept_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 6)
    decisions = Decisions()
    told = (
        decided(1, "job_advanced", 9, job="j", state="held", hold="camera_fault", why="two cameras"),
        decided(2, "rollout_advanced", 8, version="2", state="rolled_back", why="guard"),
        decided(3, "label_reviewed", 7, frame="f", by="ada"),
        msgspec.structs.replace(decided(4, "clock_moved", 6), body="no JSON"),
        msgspec.structs.replace(decided(5, "model_published", 5), body='["a list"]'),
        opened(incident(1, cause="job_failed")),
    )
    for event in told:
        decisions.take(event)
    assert [(one.row, one.who, one.what, one.target, one.about) for one in decisions.all()] == [
        (1, "retrain", "job held: waits for camera fault", "job", "j"),
        (2, "retrain", "version 2: rolled back", "version", "2"),
        (4, "retrain", "clock moved", "", ""),
        (5, "retrain", "model published", "", ""),
        (0, "retrain", "opened a page", "incident", incident(1).incident_id),
    ]
    for number in range(10, 30):
        decisions.take(decided(number, "server_gone", number))
    assert len(decisions.all()) == 6
