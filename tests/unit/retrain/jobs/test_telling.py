"""What a job's steps tell: an event with where it stands, and the ledger's head, which a ledger rewritten later no longer has."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.events import AnyEvent, GateResult, IncidentClosed, IncidentOpened, IncidentUpdated, JobAdvanced, TrialRow
from contracts.logs import Logger
from retrain.job import Job
from retrain.jobs import telling
from retrain.request import CandidateOutcome, Step
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState

JOB = Job(
    job_id="j", request_key="k", trigger="calendar", version="1", reason="", since=0.0, created_at=0.0, state="held", hold="budget",
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    yield Journal(database, "small", Logger("test"))
    database.close()


def records(journal: Journal) -> list[AnyEvent]:
    return [msgspec.json.decode(record.value, type=AnyEvent) for record in journal.database.outbox()[1]]


def said(journal: Journal) -> list[JobAdvanced]:
    return [event for event in records(journal) if isinstance(event, JobAdvanced)]


def test_a_held_job_says_what_for_and_anchors_its_own_row(journal: Journal) -> None:
    telling.advanced(journal, JOB, 1.0)
    (event,) = said(journal)
    assert (event.state, event.hold, event.trigger, event.progress) == ("held", "budget", "calendar", 0.0)
    assert event.ledger == journal.ledger.rows()[-1].hash


def test_a_step_says_how_far_it_is_and_its_figures(journal: Journal) -> None:
    running = msgspec.structs.replace(JOB, state="running", hold="", step="train")
    telling.progressed(journal, running, "50% epoch 3", 1.0, Step("train", 0.5, "epoch 3", {"loss": 0.25}))
    (event,) = said(journal)
    assert (event.progress, event.metrics, event.hold, event.ledger) == (0.5, {"loss": 0.25}, "", "")


def test_what_a_person_asked_for_names_him_in_event_row_and_incident(journal: Journal) -> None:
    asked = msgspec.structs.replace(JOB, trigger="operator", by="ada")
    telling.advanced(journal, asked, 1.0)
    telling.failed(journal, asked, "jobs/j/1", 2.0)
    (event,) = said(journal)
    assert (event.trigger, event.by, journal.ledger.rows()[-1].body["by"]) == ("operator", "ada", "ada")
    (opened,) = (one for one in records(journal) if isinstance(one, IncidentOpened))
    assert opened.incident.headline.startswith("Retraining small, asked for by ada, failed 1 times")


def test_an_end_says_what_was_tried_and_what_the_gates_found(journal: Journal) -> None:
    gates = (GateResult("gain", "fail", 0.0, 0.0, "no better"),)
    trials = tuple(
        TrialRow("lite0", technique, 0.9, 0.9, 0.9, 1.0, 1.0, 1.0, 1.0, technique == "lp_ft", "")
        for technique in ("head_only", "lp_ft")
    )
    outcome = CandidateOutcome(verdict="rejected", reason="no better", gates=gates, table=trials, page="p/verdict.html")
    telling.advanced(journal, msgspec.structs.replace(JOB, state="rejected", hold=""), 1.0, outcome)
    (event,) = said(journal)
    assert (event.gates, event.trials, event.technique, event.page) == (gates, trials, "lp_ft", "p/verdict.html")


def test_jobs_that_fail_one_after_another_are_one_incident_until_one_comes_through(journal: Journal) -> None:
    failed = msgspec.structs.replace(JOB, state="failed", hold="", detail="killed", attempt=3, started_at=0.5)
    assert not telling.stands_failed(journal.database)
    telling.failed(journal, failed, "jobs/j/1", 1.0)
    telling.failed(journal, msgspec.structs.replace(failed, job_id="l", detail="no memory"), "jobs/l/1", 5.0)
    assert telling.stands_failed(journal.database)
    telling.mended(journal, "job m came through", 9.0)
    assert not telling.stands_failed(journal.database)
    telling.mended(journal, "job n came through", 10.0)
    opened, updated, closed = (msgspec.json.decode(record.value, type=AnyEvent) for record in journal.database.outbox()[1])
    assert isinstance(opened, IncidentOpened)
    assert isinstance(updated, IncidentUpdated)
    assert isinstance(closed, IncidentClosed)
    assert opened.incident.incident_id == updated.incident.incident_id == closed.incident.incident_id
    assert (updated.incident.since, updated.incident.opened_at) == (0.5, 1.0)
    assert "jobs/l/1/stderr.log (no memory)" in closed.incident.action
