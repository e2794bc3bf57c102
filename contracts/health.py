"""The health and metrics endpoint of the services that serve no frames: `/livez`, `/readyz`, `/metrics` and a service's own JSON pages, on a thread."""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from contracts.logs import Logger

MAX_CONNECTIONS: Final = 64
"""Open at once, a thread each; one more, and the oldest is closed. Probes and scrapers have a few."""
REQUEST_S: Final = 30.0
"""For one connection from its first byte to its last, however slowly the client sends or reads."""
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


Guard = Callable[[str, str, str], Answer | None]
"""Asked first: the refusal of a request by its path, its `Authorization` header ("" where there is none) and its address; None when it may go on."""
Folders = Mapping[str, Callable[[str], Answer]]
"""What answers below a path that ends in a slash: given the rest of the path with its query, as the client wrote them."""


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
    ) -> None:
        listener.setblocking(True)
        self._server = _Server(
            listener.getsockname()[:2], _handler(registry, ready, pages or {}, folders or {}, guard), bind_and_activate=False
        )
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
        self._open: dict[Any, float] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        if len(self._open) >= MAX_CONNECTIONS:
            self._cut(list(self._open)[0])  # noqa: RUF015 - a copy at once: threads take themselves out meanwhile
        self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called ten times a second, by the thread that accepts."""
        late = time.monotonic() - REQUEST_S
        for request, since in list(self._open.items()):
            if since < late:
                self._cut(request)

    def _cut(self, request: Any) -> None:
        """End a connection under its thread, which then ends itself."""
        self._open.pop(request, None)
        with contextlib.suppress(OSError):  # it may have ended by itself meanwhile
            request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no event; anything else is a bug and is logged as one."""
        if not isinstance(sys.exception(), OSError):
            _log.error("health_request_failed", trace=True)


def _handler(
    registry: CollectorRegistry, ready: Ready, pages: Pages, folders: Folders, guard: Guard | None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds without a byte: a silent client holds a thread no longer
        server_version, sys_version = "keepsight", ""  # strangers need not know which Python

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            refusal = guard(path, self.headers.get("Authorization", ""), self.client_address[0]) if guard is not None else None
            if refusal is not None:
                self._answer(*refusal)
            elif path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
            elif path == "/livez":
                self._answer(200, b'{"status": "ok"}', "application/json")
            elif path == "/readyz":
                reason = ready()
                body = {"status": "ok"} if reason is None else {"status": "not ready", "reason": reason}
                self._answer(200 if reason is None else 503, json.dumps(body).encode(), "application/json")
            elif path in pages:
                self._answer(200, pages[path](), "application/json")
            elif (folder := next((name for name in folders if path.startswith(name)), None)) is not None:
                self._answer(*folders[folder](self.path.removeprefix(folder)))
            else:
                known = ", ".join(("/livez", "/readyz", "/metrics", *pages, *folders))
                body = {"type": "about:blank", "title": "Not Found", "detail": f"known: {known}"}
                self._answer(404, json.dumps(body).encode(), "application/problem+json")

        def _answer(self, status: int, body: bytes, content_type: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are no decisions: no line each."""

    return Handler
