"""Frames in batches at a real process, sent by a client that knows nothing of Keepsight."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.serving_process import ServingProcess
from tests.small_model import photographs, publish_small_version

FRAMES, _ = photographs(6)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"))
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0


def test_a_gateways_frames_are_answered_each_and_all_are_in_the_log(serving: ServingProcess) -> None:
    alone = [serving.answered(content)["prediction"] for content in FRAMES]
    cameras = ["line-1", "line-2", "gate", "line-1", "line-2", "gate"]
    files = [
        (camera, (f"{at}.jpg", content, "image/jpeg", {"Keepsight-Captured-At": f"{1767225600 + at}"}))
        for at, (camera, content) in enumerate(zip(cameras, FRAMES, strict=True))
    ]
    files.insert(3, ("line-1", ("broken.jpg", FRAMES[0][:60], "image/jpeg", {})))
    url = f"http://127.0.0.1:{serving.port}/v1/frames/batch"
    reply = httpx.post(url, files=files, timeout=60)
    assert reply.status_code == 200
    results = reply.json()["frames"]
    broken = results.pop(3)
    assert (broken["status"], broken["problem"]["status"]) == (422, 422)
    assert [one["status"] for one in results] == [200] * 6
    answers = [one["answer"] for one in results]
    assert [answer["prediction"] for answer in answers] == alone
    assert [(answer["camera"], answer["captured_at"]) for answer in answers] == [
        (camera, 1767225600 + at) for at, camera in enumerate(cameras)
    ]
    logged = {event.frame_id: event for event in serving.scored(12)}
    assert {answer["frame_id"] for answer in answers} <= logged.keys()
    assert serving.metric("keepsight_serving_requests_total", route="/v1/frames/batch", outcome="answered") == 1


def test_a_wrong_batch_is_told_what_is_wrong(serving: ServingProcess, tmp_path: Path) -> None:
    reply = serving.ask("POST", "/v1/frames/batch", FRAMES[0], {"content-type": "image/jpeg"})
    assert (reply.status, reply.problem) == (400, "bad-multipart")
    assert serving.ask("GET", "/v1/frames/batch").problem == "method-not-allowed"
