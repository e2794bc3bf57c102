"""The load client against a real socket server: every request is whole, every answer is counted, closed and open loads, broken connections."""

import socketserver
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.serving.client import Order, Seen, head

BODIES = [b"a" * 70_000, b"b" * 10]


def test_a_head_says_what_follows() -> None:
    assert head("/v1/frames?camera=a", 80, {"content-type": "image/jpeg"}, 3) == (
        b"POST /v1/frames?camera=a HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-type: image/jpeg\r\ncontent-length: 3\r\n\r\n"
    )


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, breaks_every: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: Counter[bytes] = Counter()
        self.breaks_every = breaks_every


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        while line := self.rfile.readline():
            assert line.startswith(b"POST /classify HTTP/1.1")
            length = 0
            while (line := self.rfile.readline()) != b"\r\n":
                if line.startswith(b"content-length"):
                    length = int(line.split()[1])
            self.server.heard[self.rfile.read(length)] += 1
            count = self.server.heard.total()
            if self.server.breaks_every and count % self.server.breaks_every == 0:
                return
            status = b"429 Too Many" if count % 5 == 0 else b"200 OK"
            self.wfile.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")


@contextmanager
def served(breaks_every: int = 0) -> Iterator[_Server]:
    with _Server(breaks_every) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sent(folder: Path, order: Order) -> Seen:
    (folder / "order").write_bytes(msgspec.msgpack.encode(order))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving.client", str(folder / "order")], input=b"go\n", capture_output=True, check=True
    )
    assert done.stdout.startswith(b"ready\n")
    return msgspec.msgpack.decode(done.stdout.removeprefix(b"ready\n"), type=Seen)


def an_order(server: _Server, **more: float) -> Order:
    return Order(port=server.server_address[1], paths=["/classify"], bodies=BODIES, seconds=0.4, **more)  # type: ignore[arg-type]  # by name


def test_a_closed_load_asks_again_and_again_and_counts_every_answer(tmp_path: Path) -> None:
    with served() as server:
        seen = sent(tmp_path, an_order(server, connections=4))
    assert set(server.heard) == set(BODIES)
    assert len(seen.answers) == server.heard.total() > 8
    statuses = Counter(answer.status for answer in seen.answers)
    assert set(statuses) == {200, 429}
    assert abs(statuses[429] - len(seen.answers) / 5) <= 1
    assert (seen.broken, seen.refused, seen.unsent) == (0, 0, 0)
    assert all(0 <= answer.at_s < 0.5 and answer.took_s > 0 for answer in seen.answers)
    assert seen.cpu_s > 0


def test_an_open_load_sends_at_its_rate_whatever_comes_back(tmp_path: Path) -> None:
    with served() as server:
        seen = sent(tmp_path, an_order(server, connections=64, rate=100))
    assert len(seen.answers) + seen.unsent == 40


def test_connections_that_end_are_counted_and_opened_again(tmp_path: Path) -> None:
    with served(breaks_every=7) as server:
        seen = sent(tmp_path, an_order(server, connections=2))
    assert seen.broken == server.heard.total() // 7 > 0
    assert len(seen.answers) == server.heard.total() - seen.broken


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with served() as server:
        order = an_order(server, connections=1)
    seen = sent(tmp_path, order)
    assert seen.refused > 0
    assert not seen.answers
