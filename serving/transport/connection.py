"""One HTTP/1.1 connection within bounds: how long its heads may be, how long they may take, and how many connections there may be.

uvicorn and httptools parse; what they leave unbounded is bounded here, below the routes, where a client needs no key to try: heads, what stands between
the pieces of a body, requests sent ahead of their answers. What a client does too slowly is seen by one sweep a second over all connections, so that a
request costs no timer.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.problems import ProblemError
from serving.transport.tls import client_name

MAX_HEADERS: Final = 64
MAX_HEAD_BYTES: Final = 16 << 10
"""Of the path with its query, and all header names and values; and of chunk extensions and trailers without a byte of body between them."""
MAX_AHEAD: Final = 16
"""Requests that one connection may send ahead of their answers."""
GATHERED_BYTES: Final = 256 << 10
"""Of a body: beyond it the route is asked to take what came before more is read. uvicorn has 64 KiB, less than many a frame."""
SWEEP_EVERY_S: Final = 1.0
_LINGER_S: Final = 15.0
"""For a client that does not read its answer, or does not close; and what the routes' own limit on bodies is given before this one."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a connection may take; see the settings of the same names. `refused` counts what is refused here."""

    max_connections: int
    head_timeout_s: float
    body_timeout_s: float
    keep_alive_s: float
    refused: Callable[[ProblemError], None]


class Connection(HttpToolsProtocol):
    """`stage` is what the client is at: `idle` between requests, `head`, `body`, or `answered` to; `since` when that began (the loop's clock)."""

    bounds: Bounds

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.stage: Literal["idle", "head", "body", "answered"] = "head"  # a client that connects is expected to ask
        self.since = self.loop.time()
        self.stuck_since = 0.0
        self._head_bytes = self._bodyless_bytes = 0
        self._problem: ProblemError | None = None
        self._answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if (tls := transport.get_extra_info("ssl_object")) is not None:
            self.app_state = {**self.app_state, "client_name": client_name(tls.getpeercert())}
        if len(self.connections) > self.bounds.max_connections:
            detail = (
                f"{self.bounds.max_connections} connections are open ([serving] max_connections); keep one open for many frames"
            )
            self.refuse(ProblemError("too-many-connections", detail, retry_after_s=1))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered, too, where others were sent behind it: uvicorn tells the last one only."""
        self.pipeline.clear()
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self.stage in ("idle", "head"):
            self._head_bytes += len(data)
        elif self.stage == "body":
            self._bodyless_bytes += len(data)
        self._unset_keepalive_if_required()
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self.send_400_response("")
        if self.transport.is_closing():
            return
        if self.stage == "head" and self._head_bytes > MAX_HEAD_BYTES:
            self.refuse(_too_large())
        elif self.stage == "body" and self._bodyless_bytes > MAX_HEAD_BYTES:
            self.refuse(ProblemError("bad-request", f"more than {MAX_HEAD_BYTES} bytes came around the body and none of it"))

    def _feed(self, data: bytes) -> None:
        """Parse. An upgrade is overlooked (RFC 9110, 7.8): the parser would take all that follows for another protocol, so it reads the head again without."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                lines = [name + b": " + value + b"\r\n" for name, value in self.headers if name != b"upgrade"]
                version = self.parser.get_http_version().encode()
                head = b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, b"".join(lines))
                data = head + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self.stage, self.since = "head", self.loop.time()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.stage == "body":  # a trailer, which must not be taken for a header (RFC 9110, 6.5.1)
            return
        if len(self.headers) >= MAX_HEADERS:
            self._stop(_too_large())
        if name.lower() == b"transfer-encoding" and (value.lower() != b"chunked" or self.parser.get_http_version() != "1.1"):
            self._stop(ProblemError("bad-request", "bodies come as they are, with a Content-Length or in chunks (HTTP/1.1)"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            self._stop(_too_large())
        if self.parser.get_http_version() not in ("1.1", "1.0"):
            self._stop(ProblemError("bad-request", "HTTP/1.1 is spoken here"))
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                self._stop(ProblemError("bad-request", "CONNECT is for proxies, and this is none"))
            return
        if len(self.pipeline) >= MAX_AHEAD:
            self._stop(ProblemError("bad-request", f"more than {MAX_AHEAD} requests were sent ahead of their answers"))
        self.stage, self.since, self._head_bytes, self._bodyless_bytes = "body", self.loop.time(), 0, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Gather a body without waking its route for every piece: a frame comes in a few, and is of use whole."""
        self._bodyless_bytes = 0
        if self.parser.should_upgrade() or self.cycle.response_complete:
            return
        self.cycle.body += body
        if len(self.cycle.body) > GATHERED_BYTES:
            self.flow.pause_reading()
            self.cycle.message_event.set()

    def _stop(self, problem: ProblemError) -> NoReturn:
        """End the parsing of this connection: the parser fails, and send_400_response says why."""
        self._problem = problem
        raise problem

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self.stage = "idle" if self.cycle.response_complete else "answered"
        self.since = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.stage == "answered":
            self.stage = "idle"
        self.since = self.loop.time()  # the next request may have waited, unread, for this answer
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What could not be parsed. Requests before it on this connection are answered first; then it is closed."""
        detail = "the request is not HTTP/1.1 as it should be; nothing of it was taken"
        self.refuse(self._problem or ProblemError("bad-request", detail))

    def refuse(self, problem: ProblemError) -> None:
        """Answer and close."""
        self.bounds.refused(problem)
        running = self.cycle is not None and not self.cycle.response_complete
        if running and (self.pipeline or not self.cycle.more_body):  # an answer to an earlier request is still to come
            self.cycle.keep_alive, self.stage = False, "answered"
            self.flow.pause_reading()
            return
        if not (running and self.cycle.response_started):
            body = problem.body()
            headers = [
                *self.server_state.default_headers,
                *((name.encode(), value.encode("latin-1")) for name, value in problem.headers()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
            self.transport.write(STATUS_LINE[problem.status] + lines + b"\r\n" + body)
        self.transport.close()

    def judge(self, now: float) -> None:
        """Cut off what is too slow at `now`."""
        if self.transport.is_closing() or self.flow.write_paused:
            self.stuck_since = self.stuck_since or now
            if now - self.stuck_since > _LINGER_S:
                self.transport.abort()
            return
        self.stuck_since = 0.0
        took_s, bounds = now - self.since, self.bounds
        if self.stage == "head" and took_s > bounds.head_timeout_s:
            detail = f"the request's head is not complete after {bounds.head_timeout_s:g} s ([serving] head_timeout_s)"
            self.refuse(ProblemError("head-timeout", detail))
        elif self.stage == "body" and took_s > bounds.body_timeout_s + _LINGER_S:
            self.transport.abort()  # it was told by the route and goes on
        elif self.stage == "idle" and took_s > bounds.keep_alive_s:
            self.transport.close()


def _too_large() -> ProblemError:
    return ProblemError("head-too-large", f"the request's head has more than {MAX_HEADERS} headers or {MAX_HEAD_BYTES} bytes")


def bounded(bounds: Bounds) -> type[Connection]:
    """The protocol class for these bounds."""
    return type("BoundedConnection", (Connection,), {"bounds": bounds})


async def sweep(connections: Collection[Any]) -> None:
    """Judge all connections once a second, for ever."""
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(SWEEP_EVERY_S)
        now = clock()
        for connection in list(connections):
            connection.judge(now)
