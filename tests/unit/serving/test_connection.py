"""What the sweep cuts off, at given times; how it looks to a client is tested at a real process."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from serving.connection import Bounds, Connection, bounded
from serving.problems import ProblemError


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
