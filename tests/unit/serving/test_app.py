"""The routes together: what stands before all of them, what is no path or method of theirs, and what they say when one of them fails."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from starlette.types import Message, Receive, Scope, Send

from serving import openapi
from serving.app import MAX_LABEL_REQUESTS, Edge, application
from serving.edge.frames import Limits
from tests.unit.serving import parts

LIMITS = Limits(1 << 20, 1 << 20, 60.0, 60.0)


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Broken:
    """A route with a bug."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a bug")

    def take(self, body: bytes) -> None:
        raise RuntimeError("a bug")

    def not_ready(self) -> None:
        return None


class House:
    """An application whose own routes fail."""

    def __init__(self) -> None:
        self.instruments, self.leaving = parts.instruments(), False
        broken: Any = Broken()
        edge = Edge(broken, broken, broken, LIMITS, lambda: None, lambda: self.leaving, self.instruments)
        self.app = application(edge)

    async def asked(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, receive: Receive | None = None
    ) -> Reply:
        messages: list[Message] = []

        async def body() -> Message:
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def send(message: Message) -> None:
            messages.append(message)

        raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": raw,
            "server": None,
            "scheme": "http",
        }
        try:
            await self.app(scope | {"root_path": "", "state": {}, "raw_path": path.encode()}, receive or body, send)
        except RuntimeError:
            assert messages, "it was not answered"  # uvicorn logs what comes through
        start, *rest = messages
        told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, b"".join(message.get("body", b"") for message in rest))

    def ask(self, method: str, path: str, **headers: str) -> Reply:
        return asyncio.run(self.asked(method, path, headers))


def kind(reply: Reply) -> str:
    """The problem in a reply."""
    assert reply.headers["content-type"] == "application/problem+json"
    said = json.loads(reply.body)
    assert said["status"] == reply.status
    return str(said["type"]).removeprefix("urn:keepsight:problem:")


@pytest.mark.parametrize("path", ["/v1/frames", "/v1/labels"])
def test_a_bug_in_a_route_is_told_and_counted(path: str) -> None:
    house = House()
    reply = house.ask("POST", path)
    assert (reply.status, kind(reply)) == (500, "internal")
    assert b"a bug" not in reply.body
    assert parts.value(house.instruments, "refusals_total", problem="internal") == 1


def test_a_bug_below_v2_is_told_as_the_protocol_has_it() -> None:
    reply = House().ask("POST", "/v2/models/small/infer")
    assert (reply.status, reply.headers["content-type"]) == (500, "application/json")
    assert json.loads(reply.body) == {"error": "the server failed on this request and logged why"}


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v3", 404, None),
        ("GET", "/", 404, None),
        ("GET", "/livez/", 404, None),
        ("POST", "/v1/frames/", 404, None),
        ("GET", "//livez", 404, None),
        ("GET", "/docs", 404, None),
        ("GET", "/v1/labels", 405, "POST"),
        ("POST", "/livez", 405, "GET, HEAD"),
        ("OPTIONS", "/metrics", 405, "GET, HEAD"),
        ("HEAD", "/v1/labels", 405, "POST"),
    ],
)
def test_what_is_no_path_or_no_method_is_told(method: str, path: str, status: int, allow: str | None) -> None:
    reply = House().ask(method, path)
    assert (reply.status, kind(reply)) == (status, "not-found" if status == 404 else "method-not-allowed")
    assert reply.headers.get("allow") == allow
    assert "location" not in reply.headers


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json"])
def test_what_is_got_has_a_head(path: str) -> None:
    assert House().ask("HEAD", path).status == 200


@pytest.mark.parametrize("host", ["[", "evil/../x", "a b", "x:99999999", ""])
def test_the_host_header_is_nowhere_used(host: str, caplog: pytest.LogCaptureFixture) -> None:
    """No URL can be made of some of these."""
    caplog.set_level(logging.WARNING)
    house = House()
    for method, path, status in (("GET", "/v3", 404), ("DELETE", "/livez", 405), ("GET", "/livez", 200)):
        reply = house.ask(method, path, Host=host)
        assert reply.status == status
        assert not host or host not in json.dumps(reply.headers) + reply.body.decode()
    assert not caplog.records


def test_a_long_path_is_not_told_whole() -> None:
    assert len(House().ask("GET", "/" + "a" * 10_000).body) < 400


@pytest.mark.parametrize("path", ["/v1/frames", "/v1/frames/batch", "/v1/labels", "/v2/repository/index", "/v3"])
def test_no_web_page_posts_here(path: str) -> None:
    reply = House().ask("POST", path, Origin="https://page.example")
    assert reply.status == 403
    assert b"Origin" in reply.body
    assert "access-control-allow-origin" not in reply.headers


def test_label_requests_in_hand_are_bounded_and_refused_unread() -> None:
    async def scene() -> tuple[Reply, list[Reply]]:
        house, go, waiting = House(), asyncio.Event(), 0

        async def slow() -> Message:
            nonlocal waiting
            waiting += 1
            await go.wait()
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def never() -> Message:
            raise AssertionError("its body was read")

        held = [asyncio.create_task(house.asked("POST", "/v1/labels", receive=slow)) for _ in range(MAX_LABEL_REQUESTS)]
        while waiting < MAX_LABEL_REQUESTS:
            await asyncio.sleep(0)
        refused = await house.asked("POST", "/v1/labels", receive=never)
        go.set()
        return refused, [*await asyncio.gather(*held), await house.asked("POST", "/v1/labels")]

    refused, others = asyncio.run(scene())
    assert (refused.status, kind(refused), refused.headers["retry-after"]) == (429, "labels-held-up", "1")
    assert [reply.status for reply in others] == [500] * (MAX_LABEL_REQUESTS + 1)


def test_a_server_that_stops_asks_clients_to_close() -> None:
    house = House()
    assert "connection" not in house.ask("GET", "/livez").headers
    house.leaving = True
    assert house.ask("GET", "/livez").headers["connection"] == "close"


def test_the_document_is_served_as_it_is() -> None:
    reply = House().ask("GET", "/openapi.json")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert json.loads(reply.body) == openapi.document()
