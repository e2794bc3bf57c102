"""Multipart bodies: read the same however they are cut into pieces, bounded, and refused where they are not what they say."""

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.edge.multipart import MAX_PART_HEAD_BYTES, Headers, Parts, boundary_of, name_of
from serving.problems import ProblemError
from serving.transport.body import ClientGoneError

BOUNDARY = b"frontier"


def body(*parts: tuple[bytes, bytes], end: bytes = b"--frontier--\r\n") -> bytes:
    """A multipart body of (head, content)."""
    return b"".join(b"--frontier\r\n" + head + b"\r\n" + content + b"\r\n" for head, content in parts) + end


def read(pieces: list[bytes], keep: int = 1 << 20) -> list[tuple[Headers, bytes | None]]:
    """What the parts of a body are that comes in these pieces; then the client leaves."""

    async def run() -> list[tuple[Headers, bytes | None]]:
        left = list(pieces)

        async def receive() -> Any:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)} if left else {"type": "http.disconnect"}

        parts, found = Parts(receive, BOUNDARY), []
        while (headers := await parts.head()) is not None:
            found.append((headers, await parts.content(keep)))
        await parts.end()
        return found

    return asyncio.run(run())


TWO = body((b"A: 1\r\nB:2 \r\n", b"first\r\n-frontier"), (b"", b""))
READ = [([(b"a", b"1"), (b"b", b"2")], b"first\r\n-frontier"), ([], b"")]


@pytest.mark.parametrize(
    "whole",
    [TWO, b"preamble\r\n" + TWO, TWO + b"epilogue", TWO[:-2], TWO.replace(b"--frontier\r\n", b"--frontier \t\r\n")],
    ids=["plain", "preamble", "epilogue", "no last line end", "white space"],
)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_the_parts_are_the_same_in_pieces_of_any_size(whole: bytes, size: int) -> None:
    assert read([whole[begin : begin + size] for begin in range(0, len(whole), size)]) == READ


@given(st.lists(st.binary(max_size=60).filter(lambda content: b"frontier" not in content), max_size=4), st.integers(1, 40))
def test_any_content_comes_through(contents: list[bytes], size: int) -> None:
    whole = body(*((b"", content) for content in contents))
    pieces = [whole[begin : begin + size] for begin in range(0, len(whole), size)]
    assert [content for _, content in read(pieces)] == contents


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_content_that_is_too_long_is_passed_over(size: int) -> None:
    whole = body((b"", b"x" * 500), (b"", b"short"), (b"", b"y" * 11))
    assert [content for _, content in read([whole[at : at + size] for at in range(0, len(whole), size)], keep=10)] == [
        None,
        b"short",
        None,
    ]


def test_what_is_passed_over_is_not_held() -> None:
    async def run() -> None:
        pieces = [body((b"", b""), end=b"")[:-2], *[bytes(1000)] * 1000, b"\r\n--frontier--"]
        largest = 0

        async def receive() -> Any:
            nonlocal largest
            largest = max(largest, len(parts._buffer))
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        parts = Parts(receive, BOUNDARY)
        await parts.head()
        assert await parts.content(0) is None
        assert largest < 2000

    asyncio.run(run())


@pytest.mark.parametrize(
    ("whole", "reason"),
    [
        (b"", "before its last boundary"),
        (b"no boundary at all", "before its last boundary"),
        (TWO[:30], "before its last boundary"),
        (body((b"", b"x"), end=b""), "before its last boundary"),
        (TWO.replace(b"--frontier\r\n", b"--frontiers\r\n"), "behind a boundary"),
        (body((b"no header\r\n", b"")), "no header"),
        (body((b"A: " + bytes(MAX_PART_HEAD_BYTES) + b"\r\n", b"")), "more than 4096 bytes"),
    ],
)
def test_a_body_that_is_no_multipart_is_refused(whole: bytes, reason: str) -> None:
    with pytest.raises(ProblemError, match=reason) as refused:
        read([whole])
    assert refused.value.kind == "bad-multipart"


def test_a_client_that_leaves_is_heard() -> None:
    async def run() -> None:
        async def receive() -> Any:
            return {"type": "http.disconnect"}

        with pytest.raises(ClientGoneError):
            await Parts(receive, BOUNDARY).head()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("value", "boundary"),
    [
        (b"multipart/form-data; boundary=frontier", b"frontier"),
        (b'Multipart/Mixed; charset=utf-8; boundary="a b:c"', b"a b:c"),
        (b"multipart/form-data;boundary=a-b ; charset=utf-8", b"a-b"),
        (b"multipart/form-data", None),
        (b"multipart/form-data; boundary=", None),
        (b"multipart/form-data; boundary=" + b"x" * 71, None),
        (b"multipart/related; boundary=x", None),
        (b"image/jpeg", None),
        (b"", None),
    ],
)
def test_the_boundary_is_in_the_content_type(value: bytes, boundary: bytes | None) -> None:
    headers = [(b"host", b"x"), (b"content-type", value)]
    if boundary is None:
        with pytest.raises(ProblemError, match="Content-Type"):
            boundary_of(headers)
    else:
        assert boundary_of(headers) == boundary


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b'form-data; name="belt-1"; filename="name=x.jpg"', "belt-1"),
        (b'form-data; filename="a.jpg"; name=belt-1', "belt-1"),
        (b'form-data; filename="a.jpg"', ""),
        (b"form-data", ""),
    ],
)
def test_the_name_is_in_the_content_disposition(value: bytes, name: str) -> None:
    assert name_of([(b"content-type", b"image/jpeg"), (b"content-disposition", value)]) == name
    assert name_of([]) == ""


@given(
    st.lists(
        st.sampled_from([b"--frontier", b"\r\n", b"--", b"A: 1", b":", b"\r\n\r\n", b"x" * 300, b"\x00\xff"])
        | st.binary(max_size=9),
        max_size=30,
    ),
    st.integers(1, 50),
)
def test_whatever_comes_is_read_or_refused(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    with contextlib.suppress(ProblemError):
        read([whole[begin : begin + size] for begin in range(0, len(whole), size)], keep=200)


@given(
    st.lists(
        st.sampled_from(
            [
                "multipart/form-data",
                "; ",
                "boundary=",
                "boundary*=",
                "boundary*0=",
                "utf-8''",
                "x''",
                "%ff",
                '"',
                "\\",
                "é",
                "=?utf-8?q?",
            ]
        ),
        max_size=9,
    )
)
def test_whatever_the_content_type_says_there_is_a_boundary_or_a_refusal(pieces: list[str]) -> None:
    with contextlib.suppress(ProblemError):
        assert boundary_of([(b"content-type", "".join(pieces).encode("latin-1"))])
