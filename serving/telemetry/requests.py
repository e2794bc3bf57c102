"""Stands before everything on the port: counts each request (rate, errors and duration by route) and begins and ends its trace. Some microseconds a request."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.telemetry.instruments import Instruments
from serving.telemetry.trace import Traces

ROUTES: Final = ("/v1/frames", "/v1/frames/batch", "/v1/labels", "/livez", "/readyz", "/metrics", "/openapi.json")
INFER: Final = "/v2/infer"
OTHER_V2: Final = "/v2"
OTHER: Final = "other"
OUTCOMES: Final = ("answered", "refused", "overloaded", "failed", "gone")


def route_of(path: str) -> str:
    """The label of a request's path, from a closed set: whatever strangers ask for makes no new series."""
    if path in ROUTES:
        return path
    if path == "/v2" or path.startswith("/v2/"):
        return INFER if path.endswith("/infer") else OTHER_V2
    return OTHER


def outcome_of(status: int) -> str:
    """How a request ended by its answer's status; 0: there was none."""
    if status == 0:
        return "gone"
    if status == 429:
        return "overloaded"
    return "answered" if status < 400 else "refused" if status < 500 else "failed"


class Counted:
    """The ASGI application `app`, counted, and with `traces` traced."""

    def __init__(self, app: ASGIApp, instruments: Instruments, traces: Traces | None = None) -> None:
        self._app, self._traces = app, traces
        routes = (*ROUTES, INFER, OTHER_V2, OTHER)
        self._ended = {(route, outcome): instruments.requests.labels(route, outcome) for route in routes for outcome in OUTCOMES}
        self._took = {route: instruments.request_duration.labels(route) for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        start, status = time.perf_counter(), 0
        trace = self._traces.begin(scope) if self._traces else None

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            status = 500  # uvicorn says so
            raise
        finally:
            end, route, outcome = time.perf_counter(), route_of(scope["path"]), outcome_of(status)
            self._ended[route, outcome].inc()
            exemplar = None
            if trace and self._traces:
                exemplar = {"trace_id": self._traces.end(trace, scope["method"], route, status, start, end)}
            if outcome == "answered":
                self._took[route].observe(end - start, exemplar)
