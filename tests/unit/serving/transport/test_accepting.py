"""Connections are taken, and those who open them and say nothing keep nobody out."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.listener import listen
from serving.transport import accepting
from serving.transport.accepting import Accepting
from tests.certificates import Authority

ROOM = 4


class Echo(asyncio.Protocol):
    """Says hello."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as asyncio calls it
        transport.write(b"hello")


@contextlib.asynccontextmanager
async def house(tls: ssl.SSLContext | None) -> AsyncIterator[tuple[Accepting, int]]:
    listener = listen("127.0.0.1", 0, "serving")
    server = Accepting(listener, Echo, tls)
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.close()
        listener.close()
        await server.wait_closed()
        assert server._opening == {}


async def said(port: int, tls: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        return await reader.readexactly(5)
    finally:
        writer.transport.abort()


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's and a client's."""
    authority = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.sign("serving"))
    return server, ssl.create_default_context(cafile=authority.certificate)


def test_plain_connections_are_taken() -> None:
    async def scene() -> list[bytes]:
        async with house(None) as (_, port):
            return await asyncio.gather(*(said(port, None) for _ in range(40)))

    assert asyncio.run(scene()) == [b"hello"] * 40


def test_silent_handshakes_are_few_and_make_room(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = contexts
    monkeypatch.setattr(accepting, "MAX_HANDSHAKES", ROOM)
    monkeypatch.setattr(accepting, "_DAWDLES_S", 0.05)

    async def scene() -> None:
        async with house(server) as (accepting_here, port):
            silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(5 * ROOM)]
            seen = 0
            for _ in range(3):
                assert await said(port, client) == b"hello"
                seen = max(seen, len(accepting_here._opening))
            assert 0 < seen <= ROOM
            for one in silent:
                one.close()

    asyncio.run(scene())


def test_a_handshake_that_fails_ends_alone(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = contexts

    async def scene() -> None:
        async with house(server) as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                assert b"hello" not in await reader.read()
            writer.close()
            assert await said(port, client) == b"hello"

    asyncio.run(scene())


def test_without_open_files_the_listener_rests_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poor:
        """A listener whose first `accept` finds no open file left."""

        def __init__(self, listener: socket.socket) -> None:
            self._listener, self.failed = listener, 0

        def fileno(self) -> int:
            return self._listener.fileno()

        def accept(self) -> tuple[socket.socket, object]:
            if not self.failed:
                self.failed += 1
                raise OSError(24, "Too many open files")
            return self._listener.accept()

    async def scene() -> bytes:
        listener = listen("127.0.0.1", 0, "serving")
        poor = Poor(listener)
        server = Accepting(poor, Echo, None)  # type: ignore[arg-type]  # what it asks of a socket
        try:
            found = await said(listener.getsockname()[1], None)
            assert poor.failed == 1
            return found
        finally:
            server.close()
            listener.close()
            await server.wait_closed()

    assert asyncio.run(scene()) == b"hello"
