"""A camera and the inspector against a real HTTP server that is busy, refuses and hangs up."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from standalone.camera import Answer, Camera, Connection, NotAnsweredError, Shot
from standalone.labeller import Labeller, frames_named
from standalone.photographs import Cell

Reply = tuple[int, dict[str, str], bytes]
CELL = Cell(7, "mono", True, 0)
ANSWER = {
    "frame_id": "f1",
    "version": "1",
    "variant": "champion",
    "prediction": {"labels": ["defective", "functional"]},
    "sample": "uniform",
}


class Server:
    """Answers as `reply` says, which is asked with the number of the request, its path and its body; None hangs up."""

    def __init__(self, reply: Callable[[int, str, bytes], Reply | None]) -> None:
        requests: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                requests.append((self.path, body))
                said = reply(len(requests), self.path, body)
                if said is None:
                    self.close_connection = True
                    return
                status, headers, content = said
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self.requests = requests
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[int, str, bytes], Reply | None]], Server]]:
    made: list[Server] = []

    def make(reply: Callable[[int, str, bytes], Reply | None]) -> Server:
        made.append(Server(reply))
        return made[-1]

    yield make
    for one in made:
        one.close()


def ok(_number: int, _path: str, _body: bytes) -> Reply:
    return 200, {}, json.dumps(ANSWER).encode()


def test_a_camera_sends_its_shots_and_keeps_the_answers(server: Callable[..., Server]) -> None:
    there, answers = server(ok), list[Answer]()
    camera = Camera("cam-1", there.address, iter([Shot(CELL, b"a"), Shot(CELL, b"b", smeared=True)]), 100.0, answers.append)
    camera.start()
    camera.join(60)
    assert (camera.sent, camera.refused) == (2, [])
    assert [body for _, body in there.requests] == [b"a", b"b"]
    assert there.requests[0][0].startswith("/v1/frames?camera=cam-1&captured_at=")
    assert [(one.label, one.sample, one.shot.smeared) for one in answers] == [
        ("defective", "uniform", False),
        ("defective", "uniform", True),
    ]


def test_a_busy_or_absent_server_is_asked_again_and_the_frame_counts_once(server: Callable[..., Server]) -> None:
    replies: list[Reply | None] = [(429, {"Retry-After": "0"}, b"busy"), None, (503, {}, b"not ready")]

    def reply(number: int, path: str, body: bytes) -> Reply | None:
        return replies[number - 1] if number <= len(replies) else ok(number, path, body)

    there, answers = server(reply), list[Answer]()
    camera = Camera("cam-1", there.address, iter([Shot(CELL, b"a")]), 100.0, answers.append)
    camera.start()
    camera.join(60)
    assert (camera.sent, len(answers), camera.refused) == (1, 1, [])
    assert len(there.requests) == 4


def test_a_refused_frame_is_given_up_and_said(server: Callable[..., Server]) -> None:
    there, answers = server(lambda *_: (400, {}, b"no camera of that name")), list[Answer]()
    camera = Camera("cam-9", there.address, iter([Shot(CELL, b"a"), Shot(CELL, b"b")]), 100.0, answers.append)
    camera.start()
    camera.join(60)
    assert (camera.sent, answers) == (2, [])
    assert "no camera of that name" in camera.refused[0]


def test_a_refusal_carries_its_body(server: Callable[..., Server]) -> None:
    connection = Connection(server(lambda *_: (404, {}, b'{"frame_ids": ["x"]}')).address)
    with pytest.raises(NotAnsweredError, match="404") as refusal:
        connection.post("/v1/labels", b"[]", "application/json")
    connection.close()
    assert frames_named(refusal.value.content) == {"x"}


@pytest.mark.parametrize("problem", [b"", b"not json", b"[]", b'{"frame_ids": 3}', b"{}"])
def test_a_refusal_without_frames_names_none(problem: bytes) -> None:
    assert frames_named(problem) == frozenset()


def answer(frame_id: str, number: int, sample: str | None = "uniform") -> Answer:
    return Answer(
        "cam-1", Shot(Cell(number, "poly", number % 2 == 0, 0), b""), 0.0, frame_id, "1", "champion", "functional", sample
    )


def test_the_inspector_labels_each_drawn_cell_once_and_posts_on_without_the_frames_at_fault(server: Callable[..., Server]) -> None:
    taken: list[dict[str, str]] = []
    done = threading.Event()

    def reply(_number: int, _path: str, body: bytes) -> Reply:
        posts = json.loads(body)
        if any(post["frame_id"] == "gone" for post in posts):
            return 404, {}, b'{"frame_ids": ["gone"]}'
        taken.extend(posts)
        done.set()
        return 200, {}, b"{}"

    labeller = Labeller(server(reply).address, delay_s=0.0)
    for one in (
        answer("a", 1),
        answer("again", 1),
        answer("b", 2),
        answer("gone", 3),
        answer("c", 4, None),
        answer("d", 5, "uncertain"),
    ):
        labeller.offer(one)
    labeller.start()
    assert done.wait(60)
    labeller.stop()
    labeller.join(60)
    assert taken == [
        {"frame_id": "a", "label": "functional", "labelled_by": "inspector"},
        {"frame_id": "b", "label": "defective", "labelled_by": "inspector"},
    ]
    assert [one.frame_id for one in labeller.posted] == ["a", "b"]
    assert len(labeller.refused) == 1
