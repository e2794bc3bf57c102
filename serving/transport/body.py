"""Request bodies, read within their limits: refused from the head where it says enough, counted while streaming where it does not."""

import asyncio
from collections.abc import Iterable

from starlette.types import Receive

from serving.problems import ProblemError


class ClientGoneError(ProblemError):
    """The client left before it was answered. Counted like a refusal; nobody hears it."""

    def __init__(self) -> None:
        super().__init__("client-gone", "the client left before it was answered")


def check_head(headers: Iterable[tuple[bytes, bytes]], max_bytes: int) -> None:
    """Refuse what the headers (names in lower case) already show: a body too long, or compressed. Raises ProblemError."""
    for name, value in headers:
        if name == b"content-length" and int(value) > max_bytes:  # the HTTP parser has seen that it is a number
            raise too_large(f"{int(value)} bytes", max_bytes)
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise ProblemError(
                "unsupported-encoding",
                f"the body is encoded as {value[:32].decode('latin-1')!r}; send it as it is, without Content-Encoding",
            )


async def read_body(receive: Receive, max_bytes: int, timeout_s: float) -> bytes:
    """The whole body. Raises ProblemError when it grows too large or takes too long, ClientGoneError when the client leaves."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                part = message.get("body", b"")
                size += len(part)
                if size > max_bytes:
                    raise too_large("more", max_bytes)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise body_timeout(timeout_s) from None


def body_timeout(timeout_s: float, got: str = "") -> ProblemError:
    """The problem of a body that is not complete in time; `got` is what is known to have come of it."""
    came = f"; {got} came" if got else ""
    detail = f"the body is not complete after {timeout_s:g} s{came}: send it faster, or raise [serving] body_timeout_s"
    return ProblemError("body-timeout", detail)


def too_large(got: str, max_bytes: int) -> ProblemError:
    """The problem of a body of which `got` came."""
    return ProblemError(
        "too-large", f"the body has {got}; at most {max_bytes} bytes are taken ([serving] max_body_bytes)", limit=max_bytes
    )
