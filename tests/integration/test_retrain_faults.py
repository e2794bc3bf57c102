"""A disk that is full when the retrain service publishes: nothing half-published is seen, the service says why, and goes on when there is room."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import ModelPublished
from contracts.files import Folder
from tests.retrain_house import CAMERAS, MODEL, House

ROOM = 4 << 20
"""Bytes that a file may have: log and state need less, the package's largest file more."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def published(house: House) -> list[str]:
    return [event.version for event in house.events if isinstance(event, ModelPublished)]


@pytest.mark.parametrize("then", ["there is room", "it is killed"])
def test_a_disk_that_is_full_while_it_publishes(house: House, then: str) -> None:
    for gate in ("wait", "heavy"):
        (house.gates / gate).touch()
    house.start()
    assert house.process is not None
    since = house.started_at
    house.publish(house.request(since), *(house.label(since + i * 0.001, CAMERAS[i % 3]) for i in range(20)))
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
