"""The table of jobs: what is saved is what is read, and a lease has one holder."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from retrain.job import Job
from retrain.jobs.table import Jobs
from retrain.state.database import Database


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    database = Database(tmp_path / "state.sqlite3", "test")
    yield Jobs(database)
    database.close()


def job(job_id: str, **fields: object) -> Job:
    given = {"request_key": f"key {job_id}", "trigger": "monitor", "version": "1", "reason": "", "since": 0.0, "created_at": 0.0}
    return Job(job_id=job_id, **{**given, **fields})  # type: ignore[arg-type]


def test_jobs_by_state_and_episode(jobs: Jobs) -> None:
    jobs.save(job("b", state="held"))
    jobs.save(job("a", state="running", excluded=("x",)))
    jobs.save(job("c", state="failed"))
    jobs.save(job("d"))
    assert [one.job_id for one in jobs.all()] == ["a", "b", "c", "d"]
    assert jobs.running() == job("a", state="running", excluded=("x",))
    assert [one.job_id for one in jobs.waiting()] == ["b", "d"]
    assert jobs.active("key b") is not None
    assert jobs.active("key c") is None


def test_a_lease_is_renewed_by_its_holder_and_taken_only_when_it_ran_out(jobs: Jobs) -> None:
    first = jobs.lease(jobs.save(job("a", state="running")), "one", 100.0, 10.0)
    assert first is not None
    assert jobs.lease(first, "two", 109.0, 10.0) is None
    renewed = jobs.lease(first, "one", 109.0, 10.0)
    assert renewed is not None
    taken = jobs.lease(renewed, "two", 120.0, 10.0)
    assert taken is not None
    assert jobs.lease(taken, "one", 121.0, 10.0) is None
    assert jobs.running() == msgspec.structs.replace(taken, owner="two", lease_until=130.0)
