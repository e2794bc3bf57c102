"""The retrain service with its training processes as Jobs: from a request to a version, killed while it creates the Job, and stopped while it runs.

The API is a server of the real shapes on this host; the Job's container is carried out as a process.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import JobAdvanced, ModelPublished
from tests import kubernetes_api
from tests.retrain_house import CAMERAS, DEADLINE_S, MODEL, House


@pytest.fixture
def cluster() -> kubernetes_api.Cluster:
    return kubernetes_api.Cluster(runs=True)


@pytest.fixture
def house(tmp_path: Path, cluster: kubernetes_api.Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    with kubernetes_api.serving(cluster, tmp_path) as config:
        house = House(
            tmp_path,
            launcher="kubernetes",
            kubernetes_image="keepsight:1",
            kubernetes_volume="shared",
            kubernetes_mount=str(tmp_path),
            kubernetes_config=config,
        )
        yield house
        house.close()


def ask(house: House) -> None:
    since = time.time()
    house.publish(house.request(since), *(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20)))


def published(house: House) -> list[str]:
    return [event.version for event in house.events if isinstance(event, ModelPublished)]


def attempts(house: House) -> set[int]:
    return {event.attempt for event in house.events if isinstance(event, JobAdvanced)}


def test_killed_around_the_creation_there_is_one_job_and_one_version(house: House, cluster: kubernetes_api.Cluster) -> None:
    created = threading.Event()
    cluster.on_create.append(created)
    house.start()
    ask(house)
    assert created.wait(DEADLINE_S)
    house.kill()
    house.start()
    house.until(lambda: published(house), "the version")
    assert len(cluster.created) == 1
    assert (published(house), attempts(house)) == (["2"], {1})
    assert house.repository.versions(MODEL) == ["1", "2"]
    assert (house.gates / "starts").read_text().count("\n") == 1


def test_a_job_outlives_a_service_that_is_stopped(house: House, cluster: kubernetes_api.Cluster) -> None:
    (house.gates / "wait").touch()
    house.start()
    ask(house)
    house.until(lambda: (house.gates / "starts").exists(), "the training process at work")
    assert house.stop() == 0
    (house.gates / "wait").unlink()
    house.start()
    house.until(lambda: published(house), "the version")
    assert (len(cluster.created), attempts(house)) == (1, {1})
    assert (house.gates / "starts").read_text().count("\n") == 1
