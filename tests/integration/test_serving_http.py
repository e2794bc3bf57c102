"""The HTTP edge of a real serving process: hostile frames, wrong requests, times, and the document that describes it."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.metrics_serving import ALL
from tests.serving_process import Reply, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version

FRAMES, _ = photographs(4)
JPEG = FRAMES[0]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(side: int) -> bytes:
    """A PNG that claims side x side pixels of black in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _encoded(extension: str, side: int = 64) -> bytes:
    return cv2.imencode(extension, np.zeros((side, side, 3), np.uint8))[1].tobytes()


def jpeg_claiming(width: int, height: int) -> bytes:
    """A real JPEG whose frame header claims another size."""
    at = JPEG.index(b"\xff\xc0")
    return JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :]


HOSTILE = {
    "nothing": (b"", 400, "empty"),
    "text": (b"hello, this is no image at all", 415, "not-an-image"),
    "a GIF": (b"GIF89a" + bytes(100), 415, "unsupported-format"),
    "a PNG bomb": (png_bomb(30_000), 422, "too-many-pixels"),
    "a JPEG bomb": (jpeg_claiming(30_000, 30_000), 422, "too-many-pixels"),
    "a JPEG cut in the middle": (JPEG[: len(JPEG) // 2], 422, "truncated"),
    "a JPEG cut in its header": (JPEG[:20], 422, "truncated"),
    "a PNG cut in the middle": (_encoded(".png")[:-20], 422, "truncated"),
    "a JPEG with a hole": (JPEG[:800] + bytes(60) + b"\xff\x77" + JPEG[862:], 422, "not-decodable"),
    "a PNG with more than its picture": (
        _encoded(".png")[:33] + _chunk(b"IDAT", zlib.compress(bytes(9 << 20))) + _chunk(b"IEND", b""),
        422,
        "not-decodable",
    ),
    "an animation": (_encoded(".png")[:33] + _chunk(b"acTL", bytes(8)) + _encoded(".png")[33:], 422, "animated"),
    "a frame of 4 x 4": (_encoded(".png", 4), 422, "too-small"),
    "nine megabytes": (JPEG + bytes(9 << 20), 413, "too-large"),
}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"))
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_frame_is_refused_and_counted(serving: ServingProcess, name: str) -> None:
    content, status, problem = HOSTILE[name]
    before = serving.metric("keepsight_serving_refusals_total", problem=problem)
    reply = serving.frame(content)
    assert (reply.status, reply.problem) == (status, problem)
    assert reply.json["detail"]
    assert serving.metric("keepsight_serving_refusals_total", problem=problem) == before + 1
    assert serving.frame(JPEG).status == 200


def test_a_body_without_a_length_is_counted_while_it_streams(serving: ServingProcess) -> None:
    reply = serving.frame(bytes(1 << 20) for _ in range(12))
    assert (reply.status, reply.problem) == (413, "too-large")


def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(serving: ServingProcess) -> None:
    with serving.connected() as connection:
        connection.putrequest("POST", "/v1/frames?camera=line-1")
        connection.putheader("Content-Length", str(9 << 20))
        connection.endheaders()
        answer = connection.getresponse()
        assert (
            Reply(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()).problem == "too-large"
        )


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, body_timeout_s=0.5)
    publish_small_version(serving.repository)
    serving.start()
    with serving.connected() as connection:
        connection.putrequest("POST", "/v1/frames?camera=line-1")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"\xff\xd8")
        answer = connection.getresponse()
        assert (
            Reply(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()).problem
            == "body-timeout"
        )


def test_a_client_that_leaves_in_the_middle_is_no_error(serving: ServingProcess) -> None:
    failed = serving.metric("keepsight_serving_frames_total", outcome="failed")
    with serving.connected() as connection:
        connection.putrequest("POST", "/v1/frames?camera=line-1")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"\xff\xd8")
    assert serving.frame(JPEG).status == 200
    assert serving.metric("keepsight_serving_frames_total", outcome="failed") == failed


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_each_format_is_answered(serving: ServingProcess, extension: str) -> None:
    picture = cv2.imdecode(np.frombuffer(JPEG, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    answer = serving.answered(cv2.imencode(extension, picture)[1].tobytes())
    assert answer["prediction"]["labels"][0] == "china"
    assert sum(answer["prediction"]["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert answer["confidence"] == answer["prediction"]["probabilities"][0]


def test_an_unknown_camera_is_told_what_to_do(serving: ServingProcess) -> None:
    reply = serving.frame(JPEG, "line1")
    assert (reply.status, reply.problem) == (404, "unknown-camera")
    assert "[serving.cameras.line1]" in reply.json["detail"]
    assert "Did you mean 'line-1'?" in reply.json["detail"]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("1767225600.25", 1767225600.25), ("2026-01-01T00:00:00.25Z", 1767225600.25), ("2026-01-01T02:00:00%2B02:00", 1767225600.0)],
)
def test_the_capture_time_is_taken(serving: ServingProcess, said: str, seconds: float) -> None:
    assert serving.answered(JPEG, query=f"&captured_at={said}")["captured_at"] == seconds


def test_headers_name_the_camera_too(serving: ServingProcess) -> None:
    reply = serving.ask("POST", "/v1/frames", JPEG, {"Keepsight-Camera": "gate", "Keepsight-Captured-At": "1767225600"})
    assert (reply.json["camera"], reply.json["captured_at"]) == ("gate", 1767225600)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "problem"),
    [
        ("POST", "/v1/frames", {}, 400, "missing-camera"),
        ("POST", "/v1/frames?camera=line-1&captured_at=yesterday", {}, 400, "bad-captured-at"),
        ("POST", "/v1/frames?camera=line-1&captured_at=1767225600000", {}, 400, "bad-captured-at"),
        ("POST", "/v1/frames?camera=line-1&deadline_ms=soon", {}, 400, "bad-deadline"),
        ("POST", "/v1/frames?camera=line-1&deadline_ms=0.000001", {}, 429, "deadline-expired"),
        ("POST", "/v1/frames?camera=line-1", {"Content-Encoding": "gzip"}, 415, "unsupported-encoding"),
        ("GET", "/v1/frames?camera=line-1", {}, 405, "method-not-allowed"),
        ("GET", "/v1/labels", {}, 405, "method-not-allowed"),
        ("GET", "/v3", {}, 404, "not-found"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    serving: ServingProcess, method: str, path: str, headers: dict[str, str], status: int, problem: str
) -> None:
    reply = serving.ask(method, path, JPEG if method == "POST" else None, headers)
    assert (reply.status, reply.problem) == (status, problem)


def test_health_and_metrics_answer(serving: ServingProcess) -> None:
    assert serving.get("/livez").status == serving.get("/readyz").status == 200
    exposition = serving.get("/metrics").body.decode()
    for spec in ALL:
        assert f"# TYPE {spec.name} " in exposition


def test_every_answer_here_is_in_the_openapi_document(serving: ServingProcess) -> None:
    document = serving.get("/openapi.json").json
    responses = document["paths"]["/v1/frames"]["post"]["responses"]
    for _, status, problem in HOSTILE.values():
        assert problem in responses[str(status)]["description"]
    assert {"/v1/frames", "/v1/labels", "/livez", "/readyz", "/metrics"} <= set(document["paths"])


def test_without_a_model_the_server_says_so_and_goes_on_once_there_is_one(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path).start(ready=False)
    try:
        reason = eventually("a reason", lambda: serving.get("/readyz"), lambda reply: b"no channels" in reply.body)
        assert reason.status == 503
        assert "import or bootstrap it first" in reason.json["reason"]
        reply = serving.frame(JPEG)
        assert (reply.status, reply.problem, reply.headers["retry-after"]) == (503, "not-ready", "1")
        publish_small_version(serving.repository)
        eventually("ready", lambda: serving.get("/readyz").status == 200)
        assert serving.answered(JPEG)["version"] == "1"
    finally:
        assert serving.stop() == 0
