"""The cameras' side: kept-alive connections in a process of its own, at most one request at a time on each, raw bytes out and httptools in.

    python -m benchmarks.serving.client ORDER     # says `ready`, begins at a line on standard input, answers with a Seen (msgpack)

A closed load sends on each connection as soon as its answer came. An open load (`rate`) sends at fixed times whatever the server does, on a connection
that is free or a new one.
"""

import asyncio
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final, cast

import httptools
import msgspec
import uvloop

_LATE_S: Final = 60.0
"""How long after the end an answer may still come."""
_AGAIN_S: Final = 0.05
"""How long until a server that does not listen is asked again."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: connection i asks `paths[i % …]`, with one of `bodies` after the other. `rate` is requests a second, 0 a closed load."""

    port: int
    paths: list[str]
    bodies: list[bytes]
    headers: dict[str, str] = {}
    connections: int = 1
    seconds: float = 1.0
    rate: float = 0.0


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One answer: when its request was due (seconds since the start), how long it took, and its status."""

    at_s: float
    took_s: float
    status: int


class Seen(msgspec.Struct, frozen=True):
    """What came back. `began` is on the machine's monotonic clock; `cpu_s` is what this process used."""

    began: float
    took_s: float
    cpu_s: float
    answers: list[Answer]
    broken: int
    """Requests that were sent and got no answer: their connection ended."""
    refused: int
    """Connections that the server did not take."""
    unsent: int
    """Requests of an open load that no connection was free for."""


class Load:
    """One load on one event loop. `waiting` are requests that were due and have no answer yet."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.answers: list[Answer] = []
        self.broken = self.refused = self.unsent = self.waiting = 0
        self.began = 0.0
        self._sent = self._opened = 0
        self._open: set[Connection] = set()
        self._idle: deque[Connection] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Send for the ordered time, and wait for what is under way."""
        loop = asyncio.get_running_loop()
        self.began = time.monotonic()
        if self.order.rate:
            self._send_due(loop, 0)
        else:
            for _ in range(self.order.connections):
                self._connect(loop, self.began)
        loop.call_later(self.order.seconds, self._end)
        async with asyncio.timeout(self.order.seconds + _LATE_S):
            await self._over.wait()
        for connection in list(self._open):
            connection.close()

    def opened(self, connection: "Connection") -> None:
        """A connection stands."""
        self._open.add(connection)

    def request(self, path: str) -> tuple[bytes, bytes]:
        """The next request's head and body."""
        body = self.order.bodies[self._sent % len(self.order.bodies)]
        self._sent += 1
        return head(path, self.order.port, self.order.headers, len(body)), body

    def answered(self, connection: "Connection", answer: Answer, stays: bool) -> None:
        """An answer came: go on, or end."""
        self.answers.append(answer)
        self.waiting -= 1
        if not stays or self._ended:
            connection.close()
        elif self.order.rate:
            self._idle.append(connection)
        else:
            self.waiting += 1
            connection.send(time.monotonic())
        self._look()

    def gone(self, connection: "Connection", unanswered: bool) -> None:
        """A connection ended; a closed load opens another."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self.broken += unanswered
        self.waiting -= unanswered
        if not self.order.rate and not self._ended:
            self._connect(asyncio.get_running_loop(), time.monotonic())
        self._look()

    def _send_due(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        """An open load: send what is due, and come back for the next."""
        while (at := self.began + number / self.order.rate) <= time.monotonic():
            if at >= self.began + self.order.seconds:
                return
            if self._idle:
                self.waiting += 1
                self._idle.popleft().send(at)
            elif len(self._open) + len(self._tasks) < self.order.connections:
                self._connect(loop, at)
            else:
                self.unsent += 1
            number += 1
        loop.call_later(max(0.0, at - time.monotonic()), self._send_due, loop, number)

    def _connect(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """A new connection, whose first request is due at `due`."""
        self.waiting += 1
        path = self.order.paths[self._opened % len(self.order.paths)]
        self._opened += 1
        self._tasks.add(task := loop.create_task(self._dial(loop, path, due)))
        task.add_done_callback(self._tasks.discard)

    async def _dial(self, loop: asyncio.AbstractEventLoop, path: str, due: float) -> None:
        while not await self._taken(loop, path, due):
            if self.order.rate or self._ended:
                self.waiting -= 1
                self._look()
                break
            await asyncio.sleep(_AGAIN_S)

    async def _taken(self, loop: asyncio.AbstractEventLoop, path: str, due: float) -> bool:
        """Whether the server took a connection."""
        try:
            await loop.create_connection(lambda: Connection(self, path, due), "127.0.0.1", self.order.port)
        except OSError:
            self.refused += 1
            return False
        return True

    def _end(self) -> None:
        self._ended = True
        self._look()

    def _look(self) -> None:
        if self._ended and not self.waiting:
            self._over.set()


class Connection(asyncio.Protocol):
    """One kept-alive connection; its first request is due at `due` (monotonic seconds)."""

    def __init__(self, load: Load, path: str, due: float) -> None:
        self._load, self._path, self._due = load, path, due
        self._parser = httptools.HttpResponseParser(self)
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own, which is no subclass
        self._load.opened(self)
        self.send(self._due)

    def send(self, due: float) -> None:
        """Send the next request, which was due at `due`."""
        self._due, self._waits = due, True
        self._transport.writelines(self._load.request(self._path))

    def close(self) -> None:
        """End it."""
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """asyncio: a part of an answer."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """httptools: an answer is whole."""
        self._waits = False
        answer = Answer(self._due - self._load.began, time.monotonic() - self._due, self._parser.get_status_code())
        self._load.answered(self, answer, self._parser.should_keep_alive())

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: ended."""
        unanswered, self._waits = self._waits, False
        self._load.gone(self, unanswered)


def head(path: str, port: int, headers: dict[str, str], length: int) -> bytes:
    """A POST's head."""
    lines = [f"POST {path} HTTP/1.1", f"host: 127.0.0.1:{port}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {length}", "", ""]).encode()


def main(order_file: str) -> None:
    """Run an order when told to."""
    load = Load(msgspec.msgpack.decode(Path(order_file).read_bytes(), type=Order))
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    sys.stdin.readline()
    before_s = time.process_time()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(load.run())
    took_s, cpu_s = time.monotonic() - load.began, time.process_time() - before_s
    seen = Seen(load.began, took_s, cpu_s, load.answers, load.broken, load.refused, load.unsent)
    sys.stdout.buffer.write(msgspec.msgpack.encode(seen))


if __name__ == "__main__":
    main(sys.argv[1])
