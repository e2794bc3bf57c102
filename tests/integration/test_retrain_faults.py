"""Bad days of the retrain service as a real process: a disk that is full, a repository that hangs, an order that nobody was there to read. It says why, nothing
half-published is seen, and it goes on."""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.events import CancelJob, JobAdvanced, ModelPublished, RolloutAdvanced
from contracts.files import Folder
from contracts.ids import new_id
from tests.postgres_server import PASSWORD, server
from tests.retrain_house import CAMERAS, DEADLINE_S, MODEL, House

ROOM = 4 << 20
"""Bytes that a file may have: log and state need less, the package's largest file more."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def ask(house: House) -> None:
    since = house.started_at
    house.publish(house.request(since), *(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20)))


def awaited(condition: Callable[[], object], what: str) -> None:
    """As House.until, without serving: its repository is not there."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"never saw {what}"
        time.sleep(0.05)


def lives(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


def published(house: House) -> list[str]:
    return [event.version for event in house.events if isinstance(event, ModelPublished)]


@pytest.mark.parametrize("then", ["there is room", "it is killed"])
def test_a_disk_that_is_full_while_it_publishes(house: House, then: str) -> None:
    for gate in ("wait", "heavy"):
        (house.gates / gate).touch()
    house.start()
    assert house.process is not None
    ask(house)
    house.until(lambda: (house.gates / "starts").exists(), "the training process at work")
    _, hard = resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    (house.gates / "wait").unlink()
    house.until(lambda: "File too large" in house.asked("/readyz"), "the service saying why")
    claimed = Folder(house.repository.url).names(f"models/{MODEL}")
    assert "2" in claimed
    assert house.repository.versions(MODEL) == ["1"]
    assert published(house) == []
    if then == "there is room":
        resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    else:
        house.kill()
        house.start()
    house.until(lambda: published(house), "the version")
    assert (published(house), house.repository.versions(MODEL)) == (["2"], ["1", "2"])
    assert house.repository.manifest(MODEL, "2").files["weights.safetensors"].bytes == 8 << 20
    assert (house.gates / "starts").read_text().count("\n") == 1
    house.until(lambda: "File too large" not in house.asked("/readyz"), "the end of the trouble")


@pytest.mark.slow
def test_cancelled_while_no_service_runs_the_next_one_ends_the_training_process(house: House) -> None:
    (house.gates / "wait").touch()
    house.start()
    ask(house)
    house.until(lambda: (house.gates / "starts").exists(), "the training process at work")
    (job,) = {event.job_id for event in house.events if isinstance(event, JobAdvanced)}
    child = json.loads((house.folder / "state" / "retrain" / "jobs" / job / "1" / "child.json").read_text())["pid"]
    house.kill()
    now = time.time()
    house.publish(CancelJob(event_id=new_id(now), occurred_at=now, model=MODEL, job_id=job, by="ada", reason="wrong glass"))
    assert lives(child)
    house.start()
    house.until(lambda: not lives(child), "the end of the training process")
    told = [event.detail for event in house.events if isinstance(event, JobAdvanced) and event.state == "rejected"]
    assert told == ["cancelled by ada: wrong glass"]
    since = time.time()
    (house.gates / "wait").unlink()
    house.publish(house.request(since, key="the next"), *(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20)))
    house.until(lambda: published(house), "the next job's version")
    assert (house.gates / "starts").read_text().count("\n") == 2


@pytest.mark.slow
@pytest.mark.parametrize("state", ["file", "postgres"])
def test_a_repository_that_hangs_is_said_and_undoes_no_turn(tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an NFS server that is gone: who reads the channels waits for ever, in the kernel. PostgreSQL ends a transaction that does so after 10 s."""
    monkeypatch.setenv("KEEPSIGHT_RETRAIN_STATE_PASSWORD", PASSWORD)
    house = House(tmp_path, **({"state_url": server().url(server().database())} if state == "postgres" else {}))
    try:
        house.start()
        house.until(lambda: '"active"' in house.said() and '"started"' in house.said(), "the service at work")
        channels = tmp_path / "repository" / "models" / MODEL / "channels.json"
        kept = channels.rename(channels.with_suffix(".kept"))
        os.mkfifo(channels)
        ask(house)
        awaited(lambda: "has not answered yet" in house.asked("/readyz"), "the service saying why")
        time.sleep(12.0)  # longer than PostgreSQL waits
        assert "has not answered yet" in house.asked("/readyz")
        house.read()
        assert [event.state for event in house.events if isinstance(event, JobAdvanced)] == ["queued"]
        assert "keepsight_retrain_labels 20.0" in house.metrics()
        stuck = os.open(channels, os.O_WRONLY)  # whoever reads goes on, and reads nothing
        kept.rename(channels)
        os.close(stuck)
        house.until(
            lambda: any(isinstance(event, RolloutAdvanced) and event.state == "stable" for event in house.events),
            "a stable champion",
        )
        assert (published(house), house.repository.versions(MODEL)) == (["2"], ["1", "2"])
        assert "idle-in-transaction" not in house.said()
    finally:
        house.close()
