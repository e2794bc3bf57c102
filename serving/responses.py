"""How an answer or a problem goes out over ASGI, the same on every route."""

import json

from starlette.responses import Response
from starlette.types import Scope, Send

from serving.problems import ProblemError
from serving.telemetry.instruments import Instruments

JSON = [("content-type", "application/json")]


async def send_body(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    """One whole response."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in [*headers, ("content-length", str(len(body)))]]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, scope: Scope, problem: ProblemError) -> None:
    """A refusal, in the form of the protocol that the request's path is of."""
    await send_body(send, problem.status, *_told(scope, problem))


def problem_response(scope: Scope, problem: ProblemError, instruments: Instruments) -> Response:
    """The same as a Starlette response, counted."""
    count(problem, instruments)
    headers, body = _told(scope, problem)
    return Response(body, problem.status, headers=dict(headers))


def _told(scope: Scope, problem: ProblemError) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body: problem+json, or {"error": "..."} below /v2."""
    headers = problem.headers()
    if scope["path"] == "/v2" or scope["path"].startswith("/v2/"):
        return JSON + headers[1:], json.dumps({"error": problem.detail}).encode()
    return headers, problem.body()


def count(problem: ProblemError, instruments: Instruments) -> None:
    """Count a refusal by its type."""
    instruments.refusals.labels(problem.kind).inc()
