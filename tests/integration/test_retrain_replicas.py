"""Two retrain services of one model as real processes: one decides, and whatever becomes of it a request is one job and one version."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import JobAdvanced, ModelPublished, RolloutAdvanced
from contracts.log_embedded_store import FILE_NAME
from tests.kafka_cluster import cluster
from tests.monitor_replicas import locked
from tests.postgres_server import PASSWORD, server
from tests.retrain_house import CAMERAS, DEADLINE_S, MODEL, House


class Twins:
    """A house with two services, `first` the one that decides."""

    def __init__(self, house: House, *apart: str) -> None:
        self.house = house
        house.start()
        assert house.process is not None
        self.first: subprocess.Popen[bytes] = house.process
        house.until(lambda: self.lines("service.log", "active"), "the first at work")
        self.second = house.another("second.log", *apart)
        house.until(lambda: self.lines("second.log", "started"), "the second standing by")

    def lines(self, log: str, event: str) -> list[dict[str, object]]:
        """What a service said of one kind."""
        path = self.house.folder / log
        text = path.read_text() if path.exists() else ""
        return [line for line in map(json.loads, filter(None, text.split("\n")[:-1])) if line["event"] == event]

    def ask(self) -> None:
        since = time.time()
        labels = (self.house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20))
        self.house.publish(self.house.request(since), *labels)

    def ready(self) -> bool:
        """Whether the first can do its work, by its own word."""
        port = self.lines("service.log", "started")[0]["port"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False

    def freeze(self) -> None:
        """Stop the first, outside of any write to the embedded log, on which the test and both hosts would wait."""
        log = self.house.folder / "log" / FILE_NAME
        self.first.send_signal(signal.SIGSTOP)
        while log.exists() and locked(log):
            self.first.send_signal(signal.SIGCONT)
            self.first.send_signal(signal.SIGSTOP)

    def starts(self) -> int:
        """Training processes started so far."""
        path = self.house.gates / "starts"
        return path.read_text().count("\n") if path.exists() else 0

    def came_to(self) -> tuple[set[str], list[str], list[str]]:
        """The jobs of which was told, the versions published, and all that stand in the repository."""
        jobs = {event.job_id for event in self.house.events if isinstance(event, JobAdvanced)}
        published = [event.version for event in self.house.events if isinstance(event, ModelPublished)]
        return jobs, published, list(self.house.repository.versions(MODEL))

    def stable(self) -> bool:
        return any(isinstance(event, RolloutAdvanced) and event.state == "stable" for event in self.house.events)

    def close(self) -> None:
        for process in (self.first, self.second):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
                assert process.wait(DEADLINE_S) == 0
        self.house.close()


@pytest.fixture
def one_host(tmp_path: Path) -> Iterator[Twins]:
    """Both on one file, and one folder of jobs."""
    twins = Twins(House(tmp_path))
    yield twins
    twins.close()


@pytest.fixture
def two_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twins]:
    """Both on one PostgreSQL, each with a folder of jobs of its own."""
    there = server()
    monkeypatch.setenv("KEEPSIGHT_RETRAIN_STATE_PASSWORD", PASSWORD)
    twins = Twins(House(tmp_path, state_url=there.url(there.database())), "--state", str(tmp_path / "second"))
    yield twins
    twins.close()


@pytest.fixture
def on_kafka(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twins]:
    """As two hosts, on genuine Kafka."""
    there, log = server(), f"kafka://{','.join(cluster().servers)}/{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("KEEPSIGHT_RETRAIN_STATE_PASSWORD", PASSWORD)
    house = House(tmp_path, log, state_url=there.url(there.database()))
    twins = Twins(house, "--state", str(tmp_path / "second"))
    yield twins
    twins.close()


@pytest.mark.slow
def test_who_takes_over_on_the_same_host_finds_the_training_process(one_host: Twins) -> None:
    house = one_host.house
    (house.gates / "wait").touch()
    one_host.ask()
    house.until(lambda: one_host.starts() == 1, "the training process at work")
    assert not one_host.lines("second.log", "active")
    house.kill()
    house.process = one_host.second
    house.until(lambda: one_host.lines("second.log", "active"), "the second taking over")
    (house.gates / "wait").unlink()
    house.until(one_host.stable, "a stable champion")
    jobs, published, versions = one_host.came_to()
    assert (len(jobs), published, versions, one_host.starts()) == (1, ["2"], ["1", "2"], 1)


def test_a_database_that_restarts_costs_nobody_the_place(two_hosts: Twins) -> None:
    house = two_hosts.house
    (house.gates / "wait").touch()
    two_hosts.ask()
    house.until(lambda: two_hosts.starts() == 1, "the training process at work")
    server().stop()
    try:
        house.until(lambda: two_hosts.lines("service.log", "turn_failed"), "the first waiting")
        assert not two_hosts.ready()
    finally:
        server().start()
    house.until(two_hosts.ready, "the first at work again")
    (house.gates / "wait").unlink()
    house.until(two_hosts.stable, "a stable champion")
    assert not two_hosts.lines("second.log", "active")
    jobs, published, versions = two_hosts.came_to()
    assert (len(jobs), published, versions, two_hosts.starts()) == (1, ["2"], ["1", "2"], 1)


def test_a_frozen_one_that_thaws_ends_its_training_process_and_stands_by(two_hosts: Twins) -> None:
    frozen_and_thawed(two_hosts)


@pytest.mark.slow
@pytest.mark.kafka
def test_twins_on_kafka_are_one(on_kafka: Twins) -> None:
    """The group's places go to the second when the first says nothing for its session's time."""
    frozen_and_thawed(on_kafka)


def frozen_and_thawed(two_hosts: Twins) -> None:
    house = two_hosts.house
    (house.gates / "wait").touch()
    two_hosts.ask()
    house.until(lambda: two_hosts.starts() == 1, "the training process at work")
    two_hosts.freeze()
    house.until(lambda: two_hosts.starts() == 2, "the second at work")
    two_hosts.first.send_signal(signal.SIGCONT)
    house.until(lambda: two_hosts.lines("service.log", "standing_by"), "the first standing by")
    (house.gates / "wait").unlink()
    house.until(two_hosts.stable, "a stable champion")
    jobs, published, versions = two_hosts.came_to()
    assert (len(jobs), published, versions, two_hosts.starts()) == (1, ["2"], ["1", "2"], 2)
    two_hosts.second.send_signal(signal.SIGTERM)
    assert two_hosts.second.wait(DEADLINE_S) == 0
    house.until(lambda: len(two_hosts.lines("service.log", "active")) == 2, "the first taking over again")
