"""Folders of jobs go after a month, but for the newest, those that wait or run, and those of others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from contracts.files import Folder
from contracts.logs import Logger
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs.asking import Requests
from retrain.jobs.retention import KEPT_S, NEWEST, Retention
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.registry.leftovers import Leftovers
from retrain.registry.publish import stage
from retrain.request import CandidateRequest
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState
from tests.packages import packaged, with_first_version

START = 1_760_000_000.0
LATER = START + KEPT_S + 1.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    yield database
    database.close()


@pytest.fixture
def jobs(database: Database) -> Jobs:
    return Jobs(database)


def retention_of(database: Database, folder: Path, monotonic: Callable[[], float]) -> Retention:
    like = CandidateRequest(
        job_id="", request_key="", model="small", parent="", repository="", frame_store=str(folder), since=0.0, labels=(), seed=0
    )
    jobs, log = Jobs(database), Logger("test")
    leftovers = Leftovers("small", ModelRepository(str(folder / "repository")), database, log)
    return Retention(Requests(like, str(folder / "jobs"), jobs, Labels(database)), jobs, leftovers, log, monotonic)


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


def test_old_folders_go_and_the_rest_stays(jobs: Jobs, database: Database, tmp_path: Path) -> None:
    all_of_them = [job(number) for number in range(NEWEST + 4)]
    all_of_them[0] = msgspec.structs.replace(all_of_them[0], state="held", finished_at=None)
    all_of_them[1] = msgspec.structs.replace(all_of_them[1], finished_at=LATER - KEPT_S)
    for one in all_of_them:
        jobs.save(one)
        (tmp_path / "jobs" / one.job_id / "1").mkdir(parents=True)
    (tmp_path / "jobs" / "another-model's").mkdir()
    monotonic_s = 0.0
    retention = retention_of(database, tmp_path, lambda: monotonic_s)
    retention.look(START)
    retention.look(LATER)
    assert len(list((tmp_path / "jobs").iterdir())) == NEWEST + 5, "it looks once an hour"
    monotonic_s = 3600.0
    retention.look(LATER)
    left = sorted(path.name for path in (tmp_path / "jobs").iterdir())
    assert left == ["another-model's", *(one.job_id for one in all_of_them if one.job_id not in ("job-02", "job-03"))]


def test_a_place_that_cannot_be_read_holds_nobody(database: Database, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file where the folder should be")
    retention_of(database, tmp_path, lambda: 0.0).look(LATER)


def test_files_of_a_version_that_nobody_finishes_go_unless_a_job_that_lives_staged_it(
    jobs: Jobs, database: Database, tmp_path: Path
) -> None:
    repository = with_first_version(str(tmp_path / "repository"), "small")
    held = jobs.save(msgspec.structs.replace(job(1), state="running", finished_at=None))
    for number in (1, 2):
        folder = Folder(str(tmp_path / "jobs" / job(number).job_id / "1"))
        stage("small", "1", packaged(folder, "small", more=bytes([number])), folder, repository, START)
    monotonic_s = 0.0
    retention = retention_of(database, tmp_path, lambda: monotonic_s)
    for hour in range(80):
        monotonic_s, now = hour * 3600.0, START + hour * 3600.0
        retention.look(now)
        assert set(repository.unfinished("small")) == ({"2", "3"} if hour < 72 else {"2"})
    jobs.save(msgspec.structs.replace(held, state="failed", finished_at=now))
    for hour in range(80, 160):
        monotonic_s = hour * 3600.0
        retention.look(START + monotonic_s)
    assert (repository.unfinished("small"), repository.versions("small"), repository.next_version("small")) == ({}, ["1"], "4")
