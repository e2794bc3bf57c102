"""Connections to a real serving process that send nonsense, too much or too slowly: told what is wrong, closed, and nobody else notices."""

import contextlib
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.transport.connection import MAX_AHEAD, MAX_HEAD_BYTES, MAX_HEADERS
from tests.serving_process import PATIENCE_S, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version

(JPEG,), _ = photographs(1)
GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


def post(body: bytes = JPEG, camera: str = "line-1", more: bytes = b"") -> bytes:
    return b"POST /v1/frames?camera=%s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (
        camera.encode(),
        more,
        len(body),
        body,
    )


def chunked(more: bytes = b"", trailers: bytes = b"", query: bytes = b"?camera=line-1") -> bytes:
    head = b"POST /v1/frames%b HTTP/1.1\r\nHost: x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (query, more)
    return head + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(JPEG), JPEG, trailers)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    settings = {"head_timeout_s": 0.5, "body_timeout_s": 0.5, "keep_alive_s": 2.0, "max_connections": 20}
    house = ServingProcess(tmp_path_factory.mktemp("house"), **settings)
    publish_small_version(house.repository)
    yield house.start()
    assert house.frame(JPEG).status == 200
    assert house.stop() == 0
    assert not [line for line in (house.home / "serving.log").read_text().splitlines() if '"error"' in line or "Traceback" in line]


class Wire:
    """A raw connection."""

    def __init__(self, serving: ServingProcess) -> None:
        self._socket = socket.create_connection(("127.0.0.1", serving.port), timeout=PATIENCE_S)
        self._file = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def answer(self, patience_s: float = PATIENCE_S) -> tuple[int, dict[str, str], bytes]:
        """The next answer."""
        self._socket.settimeout(patience_s)
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (header := self._file.readline().strip()) != b"":
            name, _, value = header.decode().partition(": ")
            headers[name.lower()] = value
        return int(line.split()[1]), headers, self._file.read(int(headers["content-length"]))

    def problem(self) -> tuple[int, str]:
        """The next answer, a problem, after which the connection is closed."""
        status, headers, body = self.answer()
        assert headers["content-type"] == "application/problem+json"
        said = json.loads(body)
        assert said["status"] == status
        assert said["detail"]
        assert headers["connection"] == "close"
        assert self.ends()
        return status, said["type"].removeprefix("urn:keepsight:problem:")

    def line(self) -> bytes:
        """The next line as it is; nothing at the end."""
        return self._file.readline()

    def ends(self) -> bool:
        """Whether nothing more comes; waits for it."""
        try:
            return self._file.read() == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def wire(serving: ServingProcess) -> Iterator[Wire]:
    one = Wire(serving)
    yield one
    one.close()


GARBAGE = {
    "noise": random.Random(5).randbytes(64),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\n\r\n",
    "an unknown method": b"FETCH /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a bad header name": b"GET /livez HTTP/1.1\r\nHo st: x\r\n\r\n",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: x\r\n y: z\r\n\r\n",
    "a NUL": b"GET /livez HTTP/1.1\r\nHost: \0\r\n\r\n",
    "one length twice": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "lengths in a list": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\n{}",
    "a length with a sign": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
    "a length in hex": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 0x2\r\n\r\n{}",
    "chunks and a length": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks before another coding": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks behind another coding": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /v1/labels HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks, almost": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks behind a space": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "chunks behind a vertical tab": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks twice": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\n" + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "lines without a carriage return": b"GET /livez HTTP/1.1\nHost: x\n\n",
    "one line without a carriage return": b"GET /livez HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "chunks without a carriage return": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
    "a trailer that is a length": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n",
    "CONNECT to a path": b"CONNECT /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2 in its name only": b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n",
    "another version": b"GET /livez HTTP/1.2\r\nHost: x\r\n\r\n",
    "two lengths": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length and chunks": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "a length in words": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\n",
    "an endless length": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a chunk of no size": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk that lies": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "a chunk beyond 64 bits": b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_a_bad_request(serving: ServingProcess, wire: Wire, name: str) -> None:
    before = serving.metric("keepsight_serving_refusals_total", problem="bad-request")
    wire.send(GARBAGE[name])
    assert wire.problem() == (400, "bad-request")
    assert serving.metric("keepsight_serving_refusals_total", problem="bad-request") == before + 1


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MAX_HEAD_BYTES,
        b"GET /livez HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES,
        b"GET /livez HTTP/1.1\r\n" + b"X: a\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"GET /livez HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"POST /v1/frames?camera=" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["endless path", "endless header", "many headers", "long header", "long camera"],
)
def test_a_head_has_its_limits(wire: Wire, head: bytes) -> None:
    wire.send(head)
    assert wire.problem() == (431, "head-too-large")


def test_a_head_within_its_limits_is_taken(wire: Wire) -> None:
    wire.send(b"GET /livez HTTP/1.1\r\n" + b"X: a\r\n" * (MAX_HEADERS - 1) + b"Y: " + b"b" * (MAX_HEAD_BYTES - 2000) + b"\r\n\r\n")
    assert wire.answer()[0] == 200


def test_a_head_that_drips_is_cut_off(wire: Wire) -> None:
    wire.send(b"GET /livez HTTP/1.1\r\nX: ")
    assert wire.problem() == (408, "head-timeout")


def test_a_connection_that_says_nothing_is_cut_off(wire: Wire) -> None:
    assert wire.problem() == (408, "head-timeout")


def test_a_connection_that_idles_is_closed(wire: Wire) -> None:
    wire.send(GET)
    assert wire.answer()[0] == 200
    wire.send(b"\r\n")  # which is no request
    assert wire.ends()


def test_a_body_that_drips_is_told_and_the_connection_ends(wire: Wire) -> None:
    wire.send(b"POST /v1/frames?camera=line-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nab")
    status, _, body = wire.answer()
    assert (status, json.loads(body)["type"]) == (408, "urn:keepsight:problem:body-timeout")


def test_pipelined_requests_are_answered_in_their_order(wire: Wire) -> None:
    wire.send(post() + GET + post(camera="line-2") + post(b"no image") + GET)
    answers = [wire.answer() for _ in range(5)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 415, 200]
    assert [json.loads(answers[k][2])["camera"] for k in (0, 2)] == ["line-1", "line-2"]


def test_garbage_behind_a_frame_does_not_take_its_answer(serving: ServingProcess, wire: Wire) -> None:
    wire.send(post() + b"\x00garbage\r\n\r\n")
    status, _, body = wire.answer()
    assert (status, json.loads(body)["camera"]) == (200, "line-1")
    assert wire.ends()


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"


def test_an_upgrade_is_overlooked_with_the_body_behind_it(wire: Wire) -> None:
    """As Java's HttpClient and `curl --http2` ask on their first request."""
    wire.send(post(more=UPGRADE) + GET + chunked(UPGRADE) + GET)
    answers = [wire.answer() for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 200]
    assert [json.loads(answers[k][2])["camera"] for k in (0, 2)] == ["line-1", "line-1"]


def test_no_websocket_opens_here(wire: Wire) -> None:
    upgrade = (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    wire.send(b"GET /v1/frames HTTP/1.1\r\nHost: x\r\n" + upgrade + b"\r\n" + GET)
    assert [wire.answer()[0], wire.answer()[0]] == [405, 200]


def test_trailers_are_no_headers(wire: Wire) -> None:
    wire.send(chunked(trailers=b"Keepsight-Camera: line-1\r\n", query=b"") + GET)
    status, _, body = wire.answer()
    assert (status, json.loads(body)["type"]) == (400, "urn:keepsight:problem:missing-camera")
    assert wire.answer()[0] == 200


@pytest.mark.parametrize("piece", [b"X: y\r\n", b"X: " + b"y" * 1000, b"0" * 1000], ids=["trailers", "a trailer", "a chunk's size"])
def test_what_stands_around_a_body_has_its_limits(serving: ServingProcess, wire: Wire, piece: bytes) -> None:
    """Each of them went on for as long as the body may take; 6 MB of trailers took 110 MB."""
    end = b"0\r\n" if piece.startswith(b"X") else b""
    wire.send(b"POST /v1/labels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + end)
    eventually("the body is expected", lambda: serving.get("/livez").status == 200)
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            wire.send(piece * (100_000 // len(piece)))
        pytest.fail("ten megabytes were taken")


def test_requests_ahead_of_their_answers_have_their_limit(wire: Wire) -> None:
    wire.send(post() + GET * 1000)
    answered = 0
    while (line := wire.line()) != b"":
        answered += line.count(b"HTTP/1.1 200")
    assert answered == 1 + MAX_AHEAD


def test_no_path_leads_to_an_address_that_the_client_names(wire: Wire) -> None:
    wire.send(b"GET /livez/ HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n")
    status, headers, _ = wire.answer()
    assert status == 404
    assert "location" not in headers


def test_a_client_that_waits_for_a_continue_gets_one(wire: Wire) -> None:
    wire.send(post(b"", more=b"Expect: 100-continue\r\n").replace(b"Length: 0", b"Length: %d" % len(JPEG)))
    assert wire._file.readline() + wire._file.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(JPEG)
    assert wire.answer()[0] == 200


def test_more_connections_than_may_be_are_told_and_others_go_on(serving: ServingProcess) -> None:
    with serving.connected() as kept:
        assert serving.frame(JPEG, on=kept).status == 200
        crowd = [Wire(serving) for _ in range(19)]
        for one in crowd:
            one.send(GET)
            assert one.answer()[0] == 200
        late = Wire(serving)
        assert late.problem() == (429, "too-many-connections")
        assert serving.frame(JPEG, on=kept).status == 200
        for one in (*crowd, late):
            one.close()
        eventually("there is room again", lambda: serving.get("/livez").status == 200)


def test_noise_on_many_connections_harms_nobody(serving: ServingProcess) -> None:
    """Requests with bytes changed, cut and repeated: what is answered is HTTP, and the server still answers frames."""
    rng = random.Random(11)
    whole = post() + GET
    statuses = set()
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(160) if rng.random() < 0.8 else rng.randrange(len(content))
            content[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        one = Wire(serving)
        with contextlib.suppress(ConnectionError, TimeoutError):  # of a cut request nothing need come soon
            one.send(bytes(content[: rng.choice([len(content), len(content), rng.randrange(len(content))])]))
            statuses.add(one.answer(0.05)[0])
        one.close()
    assert {200, 400} <= statuses
    assert all(200 <= status < 500 for status in statuses), statuses


def test_a_busy_camera_is_told_to_wait_and_others_are_not(tmp_path: Path) -> None:
    cameras = {"mad": {"site": "hall", "rate": 0.5, "burst": 3}, "calm": {"site": "hall"}}
    serving = ServingProcess(tmp_path, cameras=cameras)
    publish_small_version(serving.repository)
    serving.start()
    replies = [serving.frame(JPEG, "mad") for _ in range(6)]
    assert [reply.status for reply in replies[:4]] == [200, 200, 200, 429]
    assert replies[3].problem == "rate-limited"
    assert replies[3].headers["retry-after"] in ("1", "2")
    assert serving.frame(JPEG, "calm").status == 200
    assert serving.stop() == 0
