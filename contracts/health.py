"""The HTTP server of the services that serve no frames: `/livez`, `/readyz`, `/metrics`, a service's own JSON pages, and its console, on a thread."""

import contextlib
import gzip
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry

from contracts.connections import WAIT_S, Connections
from contracts.logs import Logger
from contracts.metrics import exposition

MAX_BODY: Final = 1 << 20
"""Bytes of a form: the 2,000 boxes of a frame are some 300 kB in one."""
PACKED_FROM: Final = 100_000
"""Bytes."""
_log = Logger("health")

Ready = Callable[[], str | None]
"""None when ready, else the reason why not."""
Pages = Mapping[str, Callable[[], bytes]]
"""JSON documents by path, made when asked for, on the answering thread."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


class Request(NamedTuple):
    """What a client asks. Header names are in lower case; of a header that came twice the last value counts."""

    method: str
    path: str
    """With its query, as the client wrote them."""
    headers: Mapping[str, str]
    client: str
    """Its address."""
    body: bytes = b""

    @property
    def place(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


Guard = Callable[[Request], Answer | None]
"""Asked first: the refusal of a request; None when it may go on."""
Folders = Mapping[str, Callable[[str], Answer]]
"""What answers below a path that ends in a slash: given the rest of the path with its query, as the client wrote them."""
App = Callable[[Request], Answer]
"""Answers everything below a path, posts too."""


class HealthServer:
    """Answers on an open listener until closed. `/readyz` is 200 or 503 with the reason."""

    def __init__(
        self,
        listener: socket.socket,
        registry: CollectorRegistry,
        ready: Ready,
        pages: Pages | None = None,
        folders: Folders | None = None,
        guard: Guard | None = None,
        apps: Mapping[str, App] | None = None,
    ) -> None:
        listener.setblocking(True)
        handler = _handler(registry, ready, pages or {}, folders or {}, guard, apps or {})
        self._server = _Server(listener.getsockname()[:2], handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="health", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it answers on."""
        return int(self._server.socket.getsockname()[1])

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.connections: Connections[Any] = Connections()

    def process_request(self, request: Any, client_address: Any) -> None:
        if (crowded_out := self.connections.opened(request, client_address[0], time.monotonic())) is not None:
            _cut(crowded_out)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.ended(request)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called ten times a second, by the thread that accepts."""
        for request in self.connections.late(time.monotonic()):
            _cut(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no event; anything else is a bug and is logged as one."""
        if not isinstance(sys.exception(), OSError):
            _log.error("health_request_failed", trace=True)


def _cut(request: Any) -> None:
    """End a connection under its thread, which then ends itself."""
    with contextlib.suppress(OSError):  # it may have ended by itself meanwhile
        request.shutdown(socket.SHUT_RDWR)


def _handler(
    registry: CollectorRegistry, ready: Ready, pages: Pages, folders: Folders, guard: Guard | None, apps: Mapping[str, App]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = WAIT_S  # without a byte: a silent client holds a thread no longer
        server_version, sys_version = "keepsight", ""  # strangers need not know which Python

        def do_GET(self) -> None:
            self._answer(self._refused(request := self._request()) or self._page(request))

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isascii() or not length.isdecimal() or self.headers.get("Transfer-Encoding"):
                self._answer(_problem(411, "Length Required", "send a body with its Content-Length"))
                return
            if len(length) > 9 or int(length) > MAX_BODY:
                self._answer(_problem(413, "Content Too Large", f"a body has {MAX_BODY} bytes at most"))
                return
            if len(body := self.rfile.read(int(length))) < int(length):
                self._answer(_problem(400, "Bad Request", "the body ended before its Content-Length: nothing was done"))
                return
            request = self._request(body)
            app = _below(apps, request.place)
            otherwise = _problem(405, "Method Not Allowed", "nothing is posted here", (("Allow", "GET"),))
            self._answer(self._refused(request) or (otherwise if app is None else app(request)))

        def _request(self, body: bytes = b"") -> Request:
            headers = {name.lower(): value for name, value in self.headers.items()}
            return Request(self.command, self.path, headers, self.client_address[0], body)

        def _refused(self, request: Request) -> Answer | None:
            if guard is not None and (refusal := guard(request)) is not None:
                return refusal
            self.server.connections.let_in(self.connection)  # type: ignore[attr-defined]  # _Server, above
            return None

        def _page(self, request: Request) -> Answer:
            path = request.place
            if path == "/metrics":
                return Answer(200, *exposition(registry, request.headers.get("accept", "")))
            if path == "/livez":
                return Answer(200, b'{"status": "ok"}', "application/json")
            if path == "/readyz":
                reason = ready()
                body = {"status": "ok"} if reason is None else {"status": "not ready", "reason": reason}
                return Answer(200 if reason is None else 503, json.dumps(body).encode(), "application/json")
            if path in pages:
                return Answer(200, pages[path](), "application/json")
            if (app := _below(apps, path)) is not None:
                return app(request)
            if (folder := next((name for name in folders if path.startswith(name)), None)) is not None:
                return packed(folders[folder](request.path.removeprefix(folder)), request.headers.get("accept-encoding", ""))
            return _problem(404, "Not Found", f"known: {', '.join(('/livez', '/readyz', '/metrics', *pages, *folders, *apps))}")

        def _answer(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are no decisions: no line each."""

    return Handler


def packed(answer: Answer, accepted: str) -> Answer:
    """A large answer as gzip for who takes that: a report of 6 MB is 1.6 MB then, and reaches a phone before its connection is ended. Of folders alone:
    the size of a console's page, made smaller, would tell of the token in it (BREACH)."""
    if len(answer.body) < PACKED_FROM or "gzip" not in accepted.lower():
        return answer
    headers = (*answer.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return answer._replace(body=gzip.compress(answer.body, 5), headers=headers)


def _below(apps: Mapping[str, App], path: str) -> App | None:
    return next((app for name, app in apps.items() if path == name or path.startswith(f"{name}/")), None)


def _problem(status: int, title: str, detail: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = {"type": "about:blank", "title": title, "detail": detail}
    return Answer(status, json.dumps(body).encode(), "application/problem+json", headers)
