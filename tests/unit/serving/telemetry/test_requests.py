"""Requests counted: each once, by a route from a closed set and by how it ended, also when nobody waited or the application failed."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving.telemetry.requests import Counted, outcome_of, route_of
from tests.unit.serving.parts import instruments, value


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/frames", "/v1/frames"),
        ("/v1/frames/batch", "/v1/frames/batch"),
        ("/v1/labels", "/v1/labels"),
        ("/v1/labels/", "other"),
        ("/v2/models/small/infer", "/v2/infer"),
        ("/v2/models/small/versions/3/infer", "/v2/infer"),
        ("/v2/models/small", "/v2"),
        ("/v2", "/v2"),
        ("/v22", "other"),
        ("/metrics", "/metrics"),
        ("/../etc/passwd", "other"),
    ],
)
def test_a_path_has_a_route(path: str, route: str) -> None:
    assert route_of(path) == route


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(0, "gone"), (200, "answered"), (400, "refused"), (422, "refused"), (429, "overloaded"), (500, "failed"), (503, "failed")],
)
def test_a_status_is_an_outcome(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


async def _receive() -> Message:
    return {"type": "http.disconnect"}


async def _send(message: Message) -> None:
    """Nobody listens."""


def test_requests_are_counted_by_route_and_outcome_and_timed_when_answered() -> None:
    found = instruments()
    statuses = iter((200, 200, 429, 0, 500))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if (status := next(statuses)) == 500:
            raise RuntimeError("a bug")
        if status:
            await send({"type": "http.response.start", "status": status})
            await send({"type": "http.response.body"})

    async def ask() -> None:
        counted = Counted(app, found)
        for _ in range(4):
            await counted({"type": "http", "path": "/v1/frames"}, _receive, _send)
        with pytest.raises(RuntimeError):
            await counted({"type": "http", "path": "/v1/labels"}, _receive, _send)

    asyncio.run(ask())
    ended = {
        outcome: value(found, "requests_total", route="/v1/frames", outcome=outcome)
        for outcome in ("answered", "overloaded", "gone")
    }
    assert ended == {"answered": 2, "overloaded": 1, "gone": 1}
    assert value(found, "request_duration_seconds_count", route="/v1/frames") == 2
    assert value(found, "requests_total", route="/v1/labels", outcome="failed") == 1
