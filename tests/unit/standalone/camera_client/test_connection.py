"""One connection against a real socket server that hangs up, refuses early and says odd things."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from standalone.camera_client.connection import Connection, Server, UnreachableError, server_of, trust
from standalone.camera_client.errors import UsageError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 429 Later\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nbusy"


class Peer:
    """Serves connections in turn, the n-th (from 0) by `serve`; `requests` counts what it read whole."""

    def __init__(self, serve: Callable[[int, socket.socket], None]) -> None:
        self.requests = 0
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._serve(number, connection)
            number += 1

    def read(self, connection: socket.socket) -> bool:
        """Read one request of our size; False when the client left."""
        content = b""
        while not content.endswith(b"<end>"):
            part = connection.recv(65_536)
            if not part:
                return False
            content += part
        self.requests += 1
        return True

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


@pytest.fixture
def peer() -> Iterator[Callable[[Callable[[int, socket.socket], None]], Peer]]:
    made: list[Peer] = []

    def make(serve: Callable[[int, socket.socket], None]) -> Peer:
        made.append(Peer(serve))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_connection_is_kept_and_opened_again_without_a_word_when_it_was_closed_idle(peer: Callable[..., Peer]) -> None:
    opened: list[int] = []

    def serve(number: int, connection: socket.socket) -> None:
        opened.append(number)
        for _ in range(3):  # then it hangs up, as servers do after a while
            if not there.read(connection):
                return
            connection.sendall(OK)

    there = peer(serve)
    connection = Connection(server_of(there.url), 30.0)
    for _ in range(7):
        assert connection.post("/v1/frames", b"<end>", {}).status == 200
    connection.close()
    assert (there.requests, opened) == (7, [0, 1, 2])


def test_a_server_that_hangs_up_on_a_new_connection_is_unreachable(peer: Callable[..., Peer]) -> None:
    there = peer(lambda _, connection: there.read(connection) and None)
    connection = Connection(server_of(there.url), 30.0)
    with pytest.raises(UnreachableError, match=r"hung up .*https://"):
        connection.post("/v1/frames", b"<end>", {})
    assert there.requests == 1  # a frame is not sent twice within one try


def test_a_refusal_that_comes_before_the_body_was_read_is_heard(peer: Callable[..., Peer]) -> None:
    def serve(_: int, connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(BUSY)  # and it hangs up on the rest, which resets the connection under the client's hands

    connection = Connection(server_of(peer(serve).url), 30.0)
    for _ in range(3):
        reply = connection.post("/v1/frames", bytes(16 << 20), {})
        assert (reply.status, reply.body, reply.retry_after) == (429, b"busy", "7")


def test_what_is_no_http_is_said(peer: Callable[..., Peer]) -> None:
    def serve(_: int, connection: socket.socket) -> None:
        there.read(connection)
        connection.sendall(b"220 mail.example ESMTP\r\n\r\n")

    there = peer(serve)
    with pytest.raises(UnreachableError, match="no HTTP"):
        Connection(server_of(there.url), 30.0).post("/v1/frames", b"<end>", {})


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://127.0.0.1:8080", Server(False, "127.0.0.1", 8080)),
        ("serving:8080/", Server(False, "serving", 8080)),
        ("https://edge.example/keepsight/", Server(True, "edge.example", 443, "/keepsight")),
        ("http://[::1]:81", Server(False, "::1", 81)),
    ],
)
def test_addresses(url: str, server: Server) -> None:
    assert server_of(url) == server
    assert server_of(server.url) == server


@pytest.mark.parametrize("url", ["", "ftp://serving", "http://", "http://serving:http", "http://serving:99999", "http://s/?a=1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="Write http://HOST:PORT"):
        server_of(url)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match="--key-file") as refusal:
        server_of("https://user:secret@serving")
    assert "secret" not in str(refusal.value)


def test_certificate_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for files in ({"ca_file": tmp_path / "ca.pem"}, {"ca_file": tmp_path / "none.pem"}, {"cert_file": tmp_path / "ca.pem"}):
        with pytest.raises(UsageError, match=r"cannot be read from .*\.pem"):
            trust(**files)
