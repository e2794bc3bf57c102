"""Requests that become jobs: joined, followed by another, asked for by labels of a new class; and a clock that is set."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.errors import StoreError
from contracts.events import FrameLabelled, IncidentClosed, IncidentOpened, IncidentUpdated, RequestRetrain, RetrainRequested
from contracts.ids import new_id
from contracts.incidents import Cause, Incident
from contracts.logs import Logger
from contracts.predictions import ClassTruth
from retrain.job import Job
from retrain.jobs.intake import Intake
from retrain.jobs.new_class import Champion, NewClasses
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState
from retrain.trigger.new_class import Enough

START = 1_760_000_000.0
MINUTE, HOUR = 60.0, 3600.0


class Desk:
    """An intake over a real state, with clocks of the test's."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.jobs, self.labels = Jobs(database), Labels(database)
        self.answers = Champion("1", ("china", "flower"))
        self.monotonic_s = 0.0
        journal = Journal(database, "small", Logger("test"))
        self.away = False
        new = NewClasses("small", ("scratch", "dent"), Enough(6, 3), database, self.labels, self.champion)
        self.intake = Intake(
            "small", self.jobs, self.labels, journal, 1e6, 10, new, lambda: self.champion().version, lambda: self.monotonic_s
        )
        self.ledger = journal.ledger

    def champion(self) -> Champion:
        if self.away:
            raise StoreError("the repository is away")
        return self.answers

    def look(self, now: float, rollout: str | None = None) -> list[Job]:
        self.intake.look(now, rollout)
        return list(self.jobs.recent())

    def label(self, name: str, at: float, count: int = 1) -> None:
        for _ in range(count):
            frame = new_id(at)
            event = FrameLabelled(
                event_id=frame, occurred_at=at, model="small", frame_id=frame, camera="a", site="hall", captured_at=at,
                truth=ClassTruth(name), predictions=(), stored=f"{frame}.jpg", sample="uncertain",
            )  # fmt: skip
            self.labels.add(event)
            self.intake.new_classes.label(event)

    def kinds(self) -> list[str]:
        return [row.kind for row in self.ledger.rows()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    with database.transaction():
        yield Desk(database)
    database.close()


def incident(number: str = "i", cause: Cause = "new_class", since: float = START) -> Incident:
    return Incident(
        incident_id=number, cause=cause, severity="page", headline="", action="", site="hall", cameras=("a",), version="1",
        since=since, opened_at=since,
    )  # fmt: skip


def opened(one: Incident) -> IncidentOpened:
    return IncidentOpened(event_id="o", occurred_at=one.opened_at, model="small", incident=one)


def closed(one: Incident) -> IncidentClosed:
    return IncidentClosed(event_id="c", occurred_at=one.opened_at, model="small", incident=one, resolution="over")


def request(**fields: object) -> RetrainRequested:
    given = {"event_id": "r", "request_key": "k", "version": "1", "reason": "decay", "incident_id": "i", **fields}
    return RetrainRequested(occurred_at=START, model="small", **given)  # type: ignore[arg-type]


def test_what_the_monitor_knows_stands_in_the_job(desk: Desk) -> None:
    desk.intake.requested(request(cause="new_class", drift_type="sudden", recurs="0", harm=0.2), START)
    (job,) = desk.jobs.recent()
    assert (job.cause, job.drift_type, job.recurs, job.harm, job.detail) == ("new_class", "sudden", "0", 0.2, "decay")


def test_a_repeat_joins_and_brings_what_is_known_since(desk: Desk) -> None:
    desk.intake.requested(request(excluded_cameras=("b",), harm=0.1), START)
    desk.intake.requested(request(event_id="s", excluded_cameras=("a",), harm=0.3, reason="worse"), START + HOUR)
    (job,) = desk.jobs.recent()
    assert (job.excluded, job.harm) == (("a", "b"), 0.3)
    assert desk.kinds() == ["job_advanced", "request_joined"]


def test_who_asks_twice_gets_one_job_and_who_asks_while_it_trains_another(desk: Desk) -> None:
    def ask(number: int) -> list[Job]:
        event = RequestRetrain(event_id=f"r{number}", occurred_at=START, model="small", by="ada", reason="new glass")
        desk.intake.commanded(event, START + number)
        return list(desk.jobs.recent())

    (job,) = ask(1)
    assert ask(2) == [job]
    assert desk.kinds() == ["job_advanced", "request_joined"]
    desk.jobs.save(msgspec.structs.replace(job, state="running"))
    assert len(ask(3)) == 2


def refused(desk: Desk, **fields: object) -> Job:
    """The job of an episode after its candidate was refused."""
    desk.intake.requested(request(), START)
    (job,) = desk.jobs.recent()
    return desk.jobs.save(
        msgspec.structs.replace(
            job, state="rejected", detail="no gain", labels_seen=40, started_at=START, finished_at=START, **fields
        )
    )


def test_an_episode_that_nothing_mended_goes_on_once(desk: Desk) -> None:
    first = refused(desk)
    assert desk.look(START + 1, rollout="2") == [first]
    _, second = desk.look(START + 2)
    assert (second.request_key, second.state, second.labels_tried) == ("k", "queued", 40)
    assert len(desk.look(START + 3)) == 2


@pytest.mark.parametrize("how", ["closed", "another champion", "cancelled"])
def test_an_episode_that_is_over_does_not(desk: Desk, how: str) -> None:
    refused(desk, cancelled=how == "cancelled")
    if how == "closed":
        desk.intake.closed(closed(incident()), START + 1)
    if how == "another champion":
        desk.answers = Champion("2", ("china", "flower"))
    assert len(desk.look(START + 2)) == 1
    desk.answers = Champion("1", ("china", "flower"))
    assert len(desk.look(START + 3)) == 1


def test_an_incident_that_closes_takes_what_waits_along(desk: Desk) -> None:
    desk.intake.requested(request(), START)
    desk.intake.closed(closed(incident("another")), START + 1)
    assert desk.jobs.recent()[0].state == "queued"
    desk.intake.closed(closed(incident()), START + 1)
    (job,) = desk.jobs.recent()
    assert (job.state, job.cancelled, job.detail) == ("rejected", True, "its incident closed before it started: over")


def test_enough_labels_of_a_listed_class_confirm_a_new_one_and_ask_once(desk: Desk) -> None:
    desk.intake.new_classes.incident(opened(incident()))
    desk.label("scratch", START - MINUTE, 9)  # before anything new was seen
    desk.label("scrach", START + 1, 9)  # listed nowhere
    desk.label("china", START + 1, 9)
    for minute in range(2):
        desk.label("scratch", START + minute * MINUTE, 3)
    assert desk.look(START + HOUR) == []  # from two stretches
    desk.label("scratch", START + 2 * MINUTE)
    assert desk.look(START + HOUR + 59) == []  # looked at not long ago
    (job,) = desk.look(START + HOUR + 61)
    assert (job.trigger, job.cause, job.new_classes, job.since, job.version) == ("new_class", "new_class", ("scratch",), START, "1")
    assert job.reason == "labels confirm what incident i saw: scratch (7 labels)"
    for minute in range(3):
        desk.label("dent", START + minute * MINUTE, 2)
    (joined,) = desk.look(START + 2 * HOUR)
    assert joined.new_classes == ("scratch", "dent")


def test_a_new_class_joins_the_waiting_job_of_its_incident(desk: Desk) -> None:
    desk.intake.requested(request(harm=0.2), START)
    desk.intake.new_classes.incident(opened(incident()))
    for minute in range(3):
        desk.label("scratch", START + minute * MINUTE, 2)
    (job,) = desk.look(START + HOUR)
    assert (job.trigger, job.cause, job.new_classes, job.harm) == ("monitor", "new_class", ("scratch",), 0.2)


@pytest.mark.parametrize("how", ["no incident", "another cause", "closed", "known", "cancelled", "failed"])
def test_labels_alone_start_nothing(desk: Desk, how: str) -> None:
    if how != "no incident":
        desk.intake.new_classes.incident(opened(incident()))
    if how == "another cause":
        change = incident(cause="population_change")
        desk.intake.new_classes.incident(IncidentUpdated(event_id="u", occurred_at=START, model="small", incident=change))
    if how == "closed":
        desk.intake.new_classes.incident(closed(incident()))
    if how == "known":
        desk.answers = Champion("2", ("china", "flower", "scratch"))
    for minute in range(3):
        desk.label("scratch", START + minute * MINUTE, 2)
    found = desk.look(START + HOUR)
    if how in ("cancelled", "failed"):
        ended = {"state": "failed"} if how == "failed" else {"state": "rejected", "cancelled": True}
        desk.jobs.save(msgspec.structs.replace(found[0], **ended))
        desk.label("scratch", START)
        found = desk.look(START + 3 * HOUR)[1:]
    assert found == []


def test_while_the_repository_is_away_nothing_is_asked_and_nothing_forgotten(desk: Desk) -> None:
    refused(desk)
    desk.intake.new_classes.incident(opened(incident("another")))
    for minute in range(3):
        desk.label("scratch", START + minute * MINUTE, 2)
    desk.away = True
    assert len(desk.look(START + HOUR)) == 1
    desk.away = False
    assert sorted(job.trigger for job in desk.look(START + HOUR + 61)) == ["monitor", "monitor", "new_class"]


def test_a_job_is_written_whole_or_not_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(desk)

    def full(event: object) -> None:
        raise StoreError("the disk is full")

    before = desk.kinds()
    monkeypatch.setattr(desk.intake.journal, "say", full)
    assert len(desk.look(START + HOUR)) == 1
    assert desk.kinds() == before
    monkeypatch.undo()
    assert len(desk.look(START + HOUR)) == 2


def test_a_clock_that_was_set_is_kept(desk: Desk) -> None:
    for now, monotonic_s in ((START, 0.0), (START + 1, 1.0), (START + 2 + HOUR, 2.0), (START + 3, 3.0)):
        desk.monotonic_s = monotonic_s
        desk.look(now)
    said = [row.body["why"] for row in desk.ledger.rows() if row.kind == "clock_moved"]
    assert said == ["the clock moved by +3,600 s since the last look", "the clock moved by -3,600 s since the last look"]
