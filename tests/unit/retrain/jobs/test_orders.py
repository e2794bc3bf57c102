"""A person's orders about a job: what they change, and what is kept of those that change nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import CancelJob, OverrideCounts
from contracts.logs import Logger
from retrain.job import Job
from retrain.jobs.orders import JobOrders
from retrain.jobs.table import Jobs
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState

NOW = 1_760_000_000.0


@pytest.fixture
def orders(tmp_path: Path) -> Iterator[JobOrders]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    with database.transaction():
        yield JobOrders(
            Jobs(database), Journal(database, "small", Logger("test")), lambda job: Jobs(database).to_end(job.job_id, "its folder")
        )
    database.close()


def job(**fields: object) -> Job:
    given = {"request_key": "k", "trigger": "monitor", "version": "1", "reason": "", "since": 0.0, "created_at": 0.0, **fields}
    return Job(job_id="j", **given)  # type: ignore[arg-type]


def override(job_id: str = "j", by: str = "ada", reason: str = "the line waits") -> OverrideCounts:
    return OverrideCounts(event_id="o", occurred_at=NOW, model="small", job_id=job_id, by=by, reason=reason)


def cancel(job_id: str = "j") -> CancelJob:
    return CancelJob(event_id="c", occurred_at=NOW, model="small", job_id=job_id, by="ada", reason="wrong glass")


def test_a_held_round_is_made_anew_with_the_labels_that_are_there(orders: JobOrders) -> None:
    orders.jobs.save(job(state="held", hold="data", lacks="too few of class china", labels_tried=220, started_at=NOW, round=2))
    orders.carry_out(override(), NOW)
    (after,) = orders.jobs.recent()
    assert (after.state, after.hold, after.lacks, after.round, after.override) == ("queued", "", "", 3, "ada: the line waits")


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_that_nothing_lacks_yet_keeps_the_word_for_later(orders: JobOrders, state: str) -> None:
    orders.jobs.save(job(state=state))
    orders.carry_out(override(), NOW)
    (after,) = orders.jobs.recent()
    assert (after.state, after.round, after.override) == (state, 1, "ada: the line waits")


@pytest.mark.parametrize("state", ["queued", "held", "running"])
def test_a_job_is_cancelled_wherever_it_stands(orders: JobOrders, state: str) -> None:
    orders.jobs.save(job(state=state, hold="labels" if state == "held" else "", owner="us" if state == "running" else ""))
    orders.carry_out(cancel(), NOW)
    (after,) = orders.jobs.recent()
    assert (after.state, after.cancelled, after.finished_at, after.owner, after.hold) == ("rejected", True, NOW, "", "")
    assert after.detail == "cancelled by ada: wrong glass"
    assert orders.jobs.ending() == ([("j", "its folder")] if state == "running" else [])
    assert [row.kind for row in orders.journal.ledger.rows()] == ["job_cancelled", "job_advanced"]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (override("x"), "there is no job x"),
        (override(), "job j is over: succeeded"),
        (cancel(), "job j is over: succeeded"),
    ],
)
def test_an_order_that_nothing_waits_for_is_kept_with_the_reason(orders: JobOrders, order: OverrideCounts, why: str) -> None:
    before = orders.jobs.save(job(state="succeeded"))
    orders.carry_out(order, NOW)
    assert orders.jobs.recent() == (before,)
    (row,) = orders.journal.ledger.rows()
    assert (row.kind, row.body["why"], row.body["by"], row.body["order"]) == ("command_refused", why, "ada", order.event_id)


def test_an_override_needs_a_name_and_a_reason(orders: JobOrders) -> None:
    orders.jobs.save(job())
    orders.carry_out(override(by=""), NOW)
    orders.carry_out(override(reason=""), NOW)
    assert orders.jobs.recent()[0].override == ""
