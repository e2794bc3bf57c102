"""A request is written once for each fence, with what the settings and the job say; what an older one was answered goes."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from retrain.job import Job
from retrain.jobs.asking import Requests
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.request import OUTCOME, REQUEST, CandidateRequest
from retrain.state.database import Database
from retrain.state.sqlite import SqliteState

LIKE = CandidateRequest(
    job_id="",
    request_key="",
    model="small",
    parent="",
    repository="r",
    frame_store="f",
    since=0.0,
    labels=(),
    seed=7,
    policy="strict",
)
JOB = Job(
    job_id="j", request_key="k", trigger="operator", version="3", reason="", since=5.0, created_at=1.0, override="ada: it hurries", fence=4, round=2
)  # fmt: skip


@pytest.fixture
def requests(tmp_path: Path) -> Iterator[Requests]:
    database = Database(SqliteState(tmp_path / "state.sqlite3", "small"), "test")
    yield Requests(LIKE, str(tmp_path / "jobs"), Jobs(database), Labels(database))
    database.close()


def test_it_says_what_the_settings_and_the_job_say(requests: Requests, tmp_path: Path) -> None:
    requests.write(JOB)
    written = requests.read(JOB)
    assert (written.seed, written.policy, written.model) == (7, "strict", "small")
    assert (written.job_id, written.parent, written.since, written.fence) == ("j", "3", 5.0, 4)
    assert written.override == "ada: it hurries"
    assert requests.place(JOB) == str(tmp_path / "jobs" / "j" / "2")


def test_it_is_written_once_for_each_fence(requests: Requests) -> None:
    folder = requests.folder(JOB)
    assert not requests.stands(JOB)
    requests.write(JOB)
    folder.write(OUTCOME, b"its answer")
    requests.write(msgspec.structs.replace(JOB, override="changed since"))
    assert requests.read(JOB).override == "ada: it hurries"
    assert folder.exists(OUTCOME)
    later = msgspec.structs.replace(JOB, fence=5)
    assert not requests.stands(later)
    requests.write(later)
    assert requests.read(later).fence == 5
    assert not folder.exists(OUTCOME)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b'{"fence": "x"}'])
def test_one_that_cannot_be_read_is_written_anew(requests: Requests, content: bytes) -> None:
    requests.folder(JOB).write(REQUEST, content)
    assert not requests.stands(JOB)
    requests.write(JOB)
    assert requests.read(JOB).fence == 4


def test_one_of_a_release_without_fences_goes_on(requests: Requests) -> None:
    requests.folder(JOB).write(REQUEST, b'{"job_id": "j"}')
    assert requests.stands(JOB)
