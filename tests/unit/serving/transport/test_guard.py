"""The guard before the routes: who is let through, what the others hear, and what is told of them."""

import asyncio
import json
import logging
from typing import Any

import pytest

from contracts.keys import new_key, parse
from contracts.logs import Logger
from serving.transport.guard import Guard, bearer, key_of
from tests.unit.serving import parts

CAMERA, LINE = new_key("line-3", ["camera:line-3-*"])
LABELLER, LABELLER_LINE = new_key("ann", ["labels"])
SCRAPER, SCRAPER_LINE = new_key("prometheus", ["metrics"])
RING = parse(LINE + LABELLER_LINE + SCRAPER_LINE + "gateway camera:* cert:gateway-3\n", "keys")


class House:
    """A guard with an application behind it that answers 200 and remembers who came."""

    def __init__(self) -> None:
        self.instruments, self.now, self.came = parts.instruments(), 0.0, []
        self.guard = Guard(self._app, lambda: RING, self.instruments, Logger("serving"), lambda: self.now)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.came.append(key.key_id if (key := key_of(scope)) else None)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def ask(self, path: str, token: str | None = None, client_name: str = "") -> tuple[int, dict[str, str], Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError("the guard reads no body")

        headers = [] if token is None else [(b"host", b"x"), (b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "path": path, "headers": headers, "client": ("10.0.0.9", 1), "state": {"client_name": client_name}}
        asyncio.run(self.guard(scope, receive, send))
        said = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], said, json.loads(sent[1]["body"])


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json", "/v2/health/live", "/v2/health/ready"])
def test_probes_need_no_key(path: str) -> None:
    assert House().ask(path)[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/metrics/", "/v1/labels", "/v1/frames", "/v1/frames/batch", "/livez/", "//livez", "/LIVEZ", "/new"],
)
def test_every_other_path_does(path: str) -> None:
    house = House()
    status, headers, problem = house.ask(path)
    assert (status, problem["type"]) == (401, "urn:keepsight:problem:missing-key")
    assert headers["www-authenticate"] == 'Bearer realm="keepsight"'
    status, headers, problem = house.ask(path, "ks.line-3.wrong")
    assert (status, problem["type"]) == (401, "urn:keepsight:problem:unknown-key")
    assert headers["www-authenticate"] == 'Bearer realm="keepsight", error="invalid_token"'
    assert house.came == []
    assert parts.value(house.instruments, "refusals_total", problem="missing-key") == 1


def test_a_path_of_the_inference_protocol_hears_it_in_its_form() -> None:
    status, headers, answer = House().ask("/v2/models/small/infer")
    assert (status, headers["content-type"], list(answer)) == (401, "application/json", ["error"])
    assert headers["www-authenticate"] == 'Bearer realm="keepsight"'


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/v1/frames", CAMERA, 200),
        ("/v1/labels", LABELLER, 200),
        ("/metrics", SCRAPER, 200),
        ("/metrics", CAMERA, 403),
        ("/v1/labels", SCRAPER, 403),
        ("/v2", LABELLER, 200),
    ],
)
def test_a_key_opens_what_it_is_for(path: str, token: str, status: int) -> None:
    got, headers, problem = House().ask(path, token)
    assert got == status
    if status == 403:
        assert problem["needed"] in ("metrics", "labels")
        assert 'error="insufficient_scope"' in headers["www-authenticate"]


def test_a_certificate_is_as_good_as_a_key() -> None:
    house = House()
    assert house.ask("/v1/frames", client_name="gateway-3")[0] == 200
    assert house.came == ["gateway"]
    assert house.ask("/v1/frames", client_name="gateway-4")[0] == 401
    assert house.ask("/v1/frames", "ks.line-3.wrong", client_name="gateway-3")[0] == 401  # a wrong key is never overlooked
    assert house.ask("/v1/frames", "", client_name="gateway-3")[0] == 401


def test_failed_tries_are_told_of_at_a_bounded_rate_and_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "keepsight")
    house = House()
    for _ in range(100):
        house.ask("/v1/frames", "ks.line-3.s3cret")
    house.now = 10.0
    house.ask("/v1/labels", "ks.nobody.s3cret")
    told = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "key_refused"]
    assert [(one["refused"], one["key_id"], one["path"]) for one in told] == [(1, "line-3", "/v1/frames"), (100, "", "/v1/labels")]
    assert "s3cret" not in str(told)
    assert parts.value(house.instruments, "refusals_total", problem="unknown-key") == 101


@pytest.mark.parametrize(
    ("value", "token"),
    [
        (b"Bearer abc", b"abc"),
        (b"bearer   abc ", b"abc"),
        (b"Basic abc", None),
        (b"Bearer", None),
        (b"abc", None),
        (b"Bearer ", b""),
    ],
)
def test_the_scheme_is_bearer(value: bytes, token: bytes | None) -> None:
    assert bearer([(b"accept", b"*/*"), (b"authorization", value)]) == token
