"""Folders of jobs go after a month, but for the newest, those that wait or run, and those of others."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.logs import Logger
from retrain.job import Job
from retrain.jobs.retention import KEPT_S, NEWEST, Retention
from retrain.jobs.table import Jobs
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState

START = 1_760_000_000.0
LATER = START + KEPT_S + 1.0


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    yield Jobs(database)
    database.close()


def job(number: int) -> Job:
    return Job(
        job_id=f"job-{number:02d}",
        request_key="k",
        trigger="operator",
        version="1",
        reason="",
        since=0.0,
        created_at=START,
        state="succeeded",
        finished_at=START,
    )


def test_old_folders_go_and_the_rest_stays(jobs: Jobs, tmp_path: Path) -> None:
    all_of_them = [job(number) for number in range(NEWEST + 4)]
    all_of_them[0] = msgspec.structs.replace(all_of_them[0], state="held", finished_at=None)
    all_of_them[1] = msgspec.structs.replace(all_of_them[1], finished_at=LATER - KEPT_S)
    for one in all_of_them:
        jobs.save(one)
        (tmp_path / "jobs" / one.job_id / "1").mkdir(parents=True)
    (tmp_path / "jobs" / "another-model's").mkdir()
    monotonic_s = 0.0
    retention = Retention(str(tmp_path / "jobs"), jobs, Logger("test"), lambda: monotonic_s)
    retention.look(START)
    retention.look(LATER)
    assert len(list((tmp_path / "jobs").iterdir())) == NEWEST + 5, "it looks once an hour"
    monotonic_s = 3600.0
    retention.look(LATER)
    left = sorted(path.name for path in (tmp_path / "jobs").iterdir())
    assert left == ["another-model's", *(one.job_id for one in all_of_them if one.job_id not in ("job-02", "job-03"))]


def test_a_place_that_cannot_be_read_holds_nobody(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be")
    Retention(str(tmp_path / "jobs"), jobs, Logger("test"), lambda: 0.0).look(LATER)
