"""The table of jobs: what is saved is what is read, and the policy sees the unfinished and the newest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrain.job import Job
from retrain.jobs.table import Jobs
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
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
    assert [one.job_id for one in jobs.recent()] == ["a", "b", "c", "d"]
    assert jobs.running() == job("a", state="running", excluded=("x",))
    assert [one.job_id for one in jobs.waiting()] == ["b", "d"]
    assert jobs.active("key b") is not None
    assert jobs.active("key c") is None


def test_the_policy_sees_the_unfinished_and_the_newest(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain.jobs.table.RECENT", 2)
    for name, state in zip("abcdef", ("held", "failed", "queued", "succeeded", "rejected", "succeeded"), strict=True):
        jobs.save(job(name, state=state))
    assert [one.job_id for one in jobs.recent()] == ["a", "c", "e", "f"]
    assert [one.job_id for one in jobs.unfinished()] == ["a", "c"]
    jobs.mark_rolled_back("d")
    jobs.mark_rolled_back("none")
    assert jobs.get("d") == job("d", state="succeeded", rolled_back=True)
    assert jobs.get("none") is None


def test_every_verdict_wears_the_recordings_that_gave_it(jobs: Jobs) -> None:
    assert jobs.gate_uses() == {}
    jobs.count_verdict(("b", "a"))
    jobs.count_verdict(("b", "b"))
    jobs.count_verdict(())
    assert jobs.gate_uses() == {"a": 1, "b": 3}
