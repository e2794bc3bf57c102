"""What the sweep cuts off, at given times; how it looks to a client is tested at a real process."""

import asyncio
import itertools
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from serving.problems import ProblemError
from serving.transport.connection import GATHERED_BYTES, MAX_AHEAD, Bounds, Connection, bounded


class Transport(asyncio.Transport):
    """Remembers what was written and how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.aborted = b"", False, False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def _never(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


class House:
    """One connection at the time of its loop's clock; requests are never answered."""

    def __init__(self, state: ServerState | None = None) -> None:
        self.refused: list[ProblemError] = []
        self.kind = bounded(Bounds(2, 10.0, 20.0, 75.0, self.refused.append))
        self.config = uvicorn.Config(_never, lifespan="off", ws="none", log_config=None)
        self.state = state or ServerState()
        self.transport, self.connection = self.open()
        self.start = self.connection.since

    def open(self) -> tuple[Transport, Connection]:
        transport = Transport()
        connection = self.kind(config=self.config, server_state=self.state, app_state={}, _loop=asyncio.get_running_loop())
        connection.connection_made(transport)
        return transport, connection


def _run(check: Any) -> None:
    async def run() -> None:
        check(House())
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    asyncio.run(run())


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"POST /v1/frames HTTP/1.1\r\nHost"])
def test_a_head_that_does_not_end(sent: bytes) -> None:
    def check(house: House) -> None:
        house.connection.data_received(sent)
        house.connection.judge(house.start + 9.9)
        assert not house.transport.closed
        house.connection.judge(house.connection.since + 10.1)
        assert [problem.kind for problem in house.refused] == ["head-timeout"]
        assert house.transport.written.startswith(b"HTTP/1.1 408 ")
        assert house.transport.closed

    _run(check)


def test_a_body_that_does_not_end_is_left_to_its_route_first() -> None:
    def check(house: House) -> None:
        house.connection.data_received(b"POST /v1/frames HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
        house.connection.judge(house.connection.since + 30.0)
        assert not house.transport.aborted
        house.connection.judge(house.connection.since + 35.1)
        assert house.transport.aborted

    _run(check)


def test_a_request_under_way_has_all_the_time_its_route_gives_it() -> None:
    def check(house: House) -> None:
        house.connection.data_received(b"GET /livez HTTP/1.1\r\n\r\n")
        house.connection.judge(house.start + 10_000.0)
        assert (house.transport.closed, house.transport.aborted, house.refused) == (False, False, [])

    _run(check)


def test_a_client_that_does_not_read_or_does_not_close_is_cut_off() -> None:
    def check(house: House) -> None:
        house.connection.pause_writing()
        house.connection.judge(house.start + 1.0)
        house.connection.judge(house.start + 15.9)
        assert not house.transport.aborted
        house.connection.resume_writing()
        house.connection.judge(house.start + 1.0)
        house.connection.transport.close()
        house.connection.judge(house.start + 20.0)
        assert not house.transport.aborted
        house.connection.judge(house.start + 35.1)
        assert house.transport.aborted

    _run(check)


def test_one_connection_more_than_may_be() -> None:
    def check(house: House) -> None:
        house.open()
        transport, _ = house.open()
        assert [problem.kind for problem in house.refused] == ["too-many-connections"]
        assert transport.written.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1" in transport.written
        assert transport.closed

    _run(check)


def test_a_body_is_gathered_and_no_more_of_it_than_may_be() -> None:
    def check(house: House) -> None:
        house.connection.data_received(b"POST /v1/frames HTTP/1.1\r\nContent-Length: 999999\r\n\r\n")
        told = house.connection.cycle.message_event
        house.connection.data_received(bytes(GATHERED_BYTES))
        assert (told.is_set(), house.connection.flow.read_paused) == (False, False)
        house.connection.data_received(b"!")
        assert (told.is_set(), house.connection.flow.read_paused) == (True, True)

    def whole(house: House) -> None:
        house.connection.data_received(b"POST /v1/frames HTTP/1.1\r\nContent-Length: 3\r\n\r\nab")
        assert not house.connection.cycle.message_event.is_set()
        house.connection.data_received(b"c")
        assert house.connection.cycle.message_event.is_set()

    _run(check)
    _run(whole)


def test_those_who_wait_behind_each_other_hear_that_the_client_left() -> None:
    def check(house: House) -> None:
        house.connection.data_received(b"GET /livez HTTP/1.1\r\n\r\n" * 3)
        first = house.connection._answering
        assert first is not None
        assert first is not house.connection.cycle
        house.connection.connection_lost(None)
        assert first.disconnected
        assert not house.connection.pipeline

    _run(check)


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
STREAM = [
    b"POST /a?camera=x HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Content-Length: 5\r\n\r\nhello",
    b"POST /b HTTP/1.1\r\n"
    + UPGRADE
    + b"Transfer-Encoding: chunked\r\n\r\n3;note=x\r\nabc\r\n2\r\nde\r\n0\r\nHost: trailer\r\n\r\n",
    b"GET /c HTTP/1.1\r\n" + UPGRADE + b"\r\n",
    b"\r\nPOST /d HTTP/1.1\r\nKeepsight-Camera: y\r\nContent-Length: 1\r\n\r\n!",
]


def _requests(house: House) -> list[tuple[str, bytes, bytes, list[bytes]]]:
    """Path, query, body and header names of the requests that a connection has understood."""
    first = house.connection._answering
    cycles = [first, *(cycle for cycle, _ in reversed(house.connection.pipeline))] if first else []
    return [
        (one.scope["path"], one.scope["query_string"], bytes(one.body), [name for name, _ in one.scope["headers"]])
        for one in cycles
    ]


@given(st.lists(st.integers(0, sum(map(len, STREAM))), max_size=12))
@settings(max_examples=150, deadline=None)
def test_requests_are_understood_the_same_however_they_arrive(cuts: list[int]) -> None:
    def check(house: House) -> None:
        content = b"".join(STREAM)
        places = [0, *sorted(cuts), len(content)]
        for start, end in itertools.pairwise(places):
            house.connection.data_received(content[start:end])
        settings_too = [b"connection", b"http2-settings"]
        assert _requests(house) == [
            ("/a", b"camera=x", b"hello", [b"host", *settings_too, b"content-length"]),
            ("/b", b"", b"abcde", [*settings_too, b"transfer-encoding"]),
            ("/c", b"", b"", settings_too),
            ("/d", b"", b"!", [b"keepsight-camera", b"content-length"]),
        ]
        assert not house.refused

    _run(check)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_nothing_that_a_client_sends_is_a_bug_of_ours(data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [*STREAM, UPGRADE, b"\r\n", b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"X: y\r\n"]
    )
    blocks = data.draw(st.lists(st.one_of(pieces, st.binary(max_size=30)), max_size=30))

    def check(house: House) -> None:
        for block in blocks:
            if not house.transport.closed:  # a closed transport hands nothing on
                house.connection.data_received(block)
        assert len(house.connection.pipeline) <= MAX_AHEAD
        assert {problem.kind for problem in house.refused} <= {"bad-request", "head-too-large"}

    _run(check)
