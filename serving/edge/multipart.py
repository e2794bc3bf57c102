"""A multipart body (RFC 2046, RFC 7578) as it streams in: each part's head, and then its content, kept or passed over. Nothing is held twice, and of what is
passed over nothing.
"""

import re
from collections.abc import Iterable
from typing import Final

from starlette.types import Receive

from serving.problems import ProblemError
from serving.transport.body import ClientGoneError

MAX_PART_HEAD_BYTES: Final = 4096
Headers = list[tuple[bytes, bytes]]
_BOUNDARY: Final = re.compile(
    rb'multipart/(?:form-data|mixed)[ \t]*;(?:.*;)?[ \t]*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))[ \t]*(?:;.*)?', re.IGNORECASE
)
_NAME: Final = re.compile(rb';[ \t]*name="?([^";]*)"?', re.IGNORECASE)


def boundary_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """What stands between the parts, from a request's headers (names in lower case). Raises ProblemError."""
    said = next((value for name, value in headers if name == b"content-type"), b"")
    if (found := _BOUNDARY.fullmatch(said)) is None:
        raise _bad("Content-Type is to be multipart/form-data or multipart/mixed with its boundary")
    return found[1] or found[2]


def name_of(headers: Headers) -> str:
    """The name in a part's Content-Disposition; "" when it has none."""
    found = next((_NAME.search(value) for name, value in headers if name == b"content-disposition"), None)
    return found[1].decode("latin-1") if found else ""


class Parts:
    """The parts of one request's body. Ask for a `head`, then for its `content`, and so on until there is no head. All raise ProblemError."""

    def __init__(self, receive: Receive, boundary: bytes) -> None:
        self._receive, self._delimiter = receive, b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter is like the others
        self._more = True
        self._begun = False

    async def head(self) -> Headers | None:
        """The next part's headers, names in lower case; None after the last part."""
        if not self._begun:
            self._begun = True
            await self.content(0)  # what stands before the first part is nobody's
        while len(self._buffer) < 2:
            await self._fill()
        if self._buffer.startswith(b"--"):
            return None
        if (await self._cut(b"\r\n", 64)).strip(b" \t"):
            raise _bad("something stands behind a boundary")
        lines = (await self._cut(b"\r\n\r\n", MAX_PART_HEAD_BYTES)).split(b"\r\n")
        del self._buffer[:4]
        return [_header(line) for line in lines if line]

    async def content(self, max_bytes: int) -> bytes | None:
        """What stands before the next boundary; None when it is more than `max_bytes`, and 0 keeps nothing of it."""
        begun, size = 0, 0
        while (end := self._buffer.find(self._delimiter, begun)) < 0:
            begun = max(0, len(self._buffer) - len(self._delimiter) + 1)
            if size or begun > max_bytes:
                size += begun
                del self._buffer[:begun]
                begun = 0
            await self._fill()
        kept = None if size or end > max_bytes else bytes(memoryview(self._buffer)[:end])
        del self._buffer[: end + len(self._delimiter)]
        return kept

    async def end(self) -> None:
        """Pass over what stands behind the last part."""
        while self._more:
            self._buffer.clear()
            await self._fill()

    async def _cut(self, mark: bytes, max_bytes: int) -> bytes:
        """What stands before `mark`, at most `max_bytes`; the mark stays: the line's end before a part's headers may be the one after none."""
        while (end := self._buffer.find(mark, 0, max_bytes + len(mark))) < 0:
            if len(self._buffer) >= max_bytes + len(mark):
                raise _bad(f"a part's head has more than {max_bytes} bytes")
            await self._fill()
        found = bytes(self._buffer[:end])
        del self._buffer[:end]
        return found

    async def _fill(self) -> None:
        if not self._more:
            raise _bad("the body ends before its last boundary")
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self._buffer += message.get("body", b"")
        self._more = message.get("more_body", False)


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon:
        raise _bad("a part's head has a line that is no header")
    return name.strip().lower(), value.strip()


def _bad(reason: str) -> ProblemError:
    return ProblemError("bad-multipart", f"{reason}; send each frame as one part of multipart/form-data, see docs/cameras.md")
