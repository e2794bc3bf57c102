"""Bodies are read within their limits."""

import asyncio
from typing import Any

import pytest

from serving.problems import ProblemError
from serving.transport.body import ClientGoneError, check_head, read_body


async def _read(messages: list[dict[str, Any]], limit: int = 10, timeout_s: float = 60.0) -> bytes:
    left = list(messages)

    async def receive() -> Any:
        return left.pop(0) if left else await asyncio.Event().wait()

    return await read_body(receive, limit, timeout_s)


def _part(body: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_parts_are_joined() -> None:
    assert asyncio.run(_read([_part(b"abc", True), _part(b"", True), _part(b"defghij", False)])) == b"abcdefghij"
    assert asyncio.run(_read([_part(b"", False)])) == b""


def test_a_body_that_grows_too_large_is_refused_as_it_does() -> None:
    with pytest.raises(ProblemError) as refused:
        asyncio.run(_read([_part(b"abcdef", True), _part(b"ghijk", True)]))
    assert refused.value.kind == "too-large"


def test_a_body_that_does_not_end_is_given_up() -> None:
    with pytest.raises(ProblemError) as refused:
        asyncio.run(_read([_part(b"abc", True)], timeout_s=0.01))
    assert refused.value.kind == "body-timeout"
    assert "not complete after 0.01 s" in refused.value.detail


def test_a_client_that_leaves_is_noticed() -> None:
    with pytest.raises(ClientGoneError):
        asyncio.run(_read([_part(b"abc", True), {"type": "http.disconnect"}]))


def test_the_head_alone_refuses() -> None:
    check_head([(b"content-length", b"10"), (b"content-encoding", b"identity")], 10)
    for header, kind in [((b"content-length", b"11"), "too-large"), ((b"content-encoding", b"gzip"), "unsupported-encoding")]:
        with pytest.raises(ProblemError) as refused:
            check_head([header], 10)
        assert refused.value.kind == kind
