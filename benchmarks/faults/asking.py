"""One HTTP request on a kept-alive connection, byte by byte as the caller likes it: so that a head may lie and a body may dawdle."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.faults.book import LOST, NOT_TAKEN, Attempt
from benchmarks.faults.service import Service

ANSWER_S: Final = 15.0
"""Longer than a frame may wait in serving (10 s): what is not heard by then is not heard."""
_IDLE: Final = 64
"""Connections kept open to a server."""
Pieces = Sequence[tuple[float, bytes]]
"""What is sent, each after so many seconds."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An attempt, and the JSON of its answer."""

    attempt: Attempt
    json: Any = None


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    life: int


class Line:
    """The way to one server: its idle connections. For one event loop."""

    def __init__(self, server: Service) -> None:
        self.server = server
        self._idle: list[_Connection] = []

    async def ask(self, pieces: Pieces, fresh: bool = False) -> Reply:
        """Send the pieces of one request and hear its answer; `fresh`: on a connection of its own, closed afterwards."""
        at, start = time.time(), time.perf_counter()
        life = self.server.life

        def attempt(status: int, problem: str = "", why: str = "") -> Attempt:
            return Attempt(self.server.name, life, at, time.perf_counter() - start, status, problem, why)

        try:
            connection = await self._connected(fresh)
        except OSError as error:
            return Reply(attempt(NOT_TAKEN, why=type(error).__name__))
        life = connection.life
        try:
            async with asyncio.timeout(ANSWER_S):
                status, said, stays = await _exchange(connection, pieces)
        except (OSError, EOFError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
            connection.writer.close()
            return Reply(attempt(LOST, why=type(error).__name__))
        if stays and not fresh and len(self._idle) < _IDLE:
            self._idle.append(connection)
        else:
            connection.writer.close()
        problem = "" if status == 200 else str(said.get("type", "")).rpartition(":")[2] or f"status-{status}"
        return Reply(attempt(status, problem), said)

    def close(self) -> None:
        """End the idle connections."""
        for connection in self._idle:
            connection.writer.close()
        self._idle.clear()

    async def _connected(self, fresh: bool) -> _Connection:
        while self._idle and not fresh:
            connection = self._idle.pop()
            if not connection.reader.at_eof() and connection.reader.exception() is None:
                return connection
            connection.writer.close()
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        return _Connection(reader, writer, self.server.life)


async def _exchange(connection: _Connection, pieces: Pieces) -> tuple[int, Any, bool]:
    """Status, JSON, and whether the connection stays. A server may answer before all is sent."""
    sending = asyncio.ensure_future(_send(connection.writer, pieces))
    try:
        head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        said = await connection.reader.readexactly(int(headers["content-length"]))
    finally:
        whole = sending.done() and not sending.cancelled() and sending.exception() is None
        sending.cancel()
    return int(head[0].split()[1]), json.loads(said), whole and headers.get("connection") != "close"


async def _send(writer: asyncio.StreamWriter, pieces: Pieces) -> None:
    for after_s, piece in pieces:
        if after_s:
            await asyncio.sleep(after_s)
        writer.write(piece)
        await writer.drain()


def head(path: str, length: int, **headers: str) -> bytes:
    """The head of a POST."""
    lines = [f"POST {path} HTTP/1.1", "host: keepsight", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {length}", "", ""]).encode()
