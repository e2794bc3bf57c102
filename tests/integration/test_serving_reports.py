"""What a real serving process says of itself on the log: its versions as they change, how they fare, and its last word."""

import socket
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.events import SERVING, ServingReported
from contracts.repository import ModelRepository
from tests.serving_process import ServingProcess, eventually
from tests.small_model import photographs, publish_small_version, set_channels
from tests.unfit_version import publish_unfit_version

(FRAME,), _ = photographs(1, seed=3)
BRIGHT = cv2.imencode(".png", np.full((64, 64, 3), 255, np.uint8))[1].tobytes()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path, report_interval_s=0.2)
    publish_small_version(house.repository)
    publish_unfit_version(house.repository, "2", "fails")
    publish_unfit_version(house.repository, "3", "nan")
    yield house
    house.stop()


def reports(serving: ServingProcess) -> list[ServingReported]:
    return serving.logged(SERVING, ServingReported)


def newest(serving: ServingProcess) -> ServingReported:
    return eventually("a report", lambda: reports(serving))[-1]


def roles(serving: ServingProcess) -> dict[str, str]:
    return {one.version: one.role for one in newest(serving).versions}


def counts(serving: ServingProcess, version: str) -> tuple[int, int, int]:
    """Answered, failed, invalid."""
    return next(((one.answered, one.failed, one.invalid) for one in newest(serving).versions if one.version == version), (0, 0, 0))


def test_a_server_tells_its_versions_how_they_fare_and_when_it_leaves(serving: ServingProcess) -> None:
    serving.start()
    first = newest(serving)
    assert first.replica == f"{socket.gethostname()}:{serving.port}"
    digest = ModelRepository(serving.repository).read("small", "1").digest
    (champion,) = eventually("a version", lambda: newest(serving), lambda report: report.sequence == 1).versions
    assert (champion.version, champion.digest, champion.role, champion.provider) == (
        "1",
        digest,
        "champion",
        "CPUExecutionProvider",
    )

    set_channels(serving.repository, shadow="2")
    eventually("the shadow", lambda: roles(serving), {"1": "champion", "2": "shadow"}.__eq__)
    assert newest(serving).sequence == 2
    for frame in (FRAME, BRIGHT, FRAME, BRIGHT, BRIGHT):
        serving.answered(frame)
    eventually("the shadow's failures", lambda: counts(serving, "2"), (2, 3, 0).__eq__)
    eventually("the champion's answers", lambda: counts(serving, "1"), (5, 0, 0).__eq__)

    set_channels(serving.repository, champion="3", previous="1", shadow=None)
    eventually("the new champion", lambda: roles(serving), {"3": "champion", "1": "previous"}.__eq__)
    assert newest(serving).sequence == 3
    assert serving.frame(BRIGHT).problem == "invalid-output"
    serving.answered(FRAME)
    assert serving.stop() == 0
    last = newest(serving)
    assert (last.leaving, [report.leaving for report in reports(serving)].count(True)) == (True, 1)
    assert counts(serving, "3") == (1, 0, 1)
    assert len({report.started_at for report in reports(serving)}) == 1
