"""How an answer or a problem goes out over ASGI, the same on every route."""

import json

from starlette.responses import Response
from starlette.types import Scope, Send

from serving.instruments import Instruments
from serving.problems import ProblemError

JSON = [("content-type", "application/json")]


async def send_body(send: Send, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    """One whole response."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in [*headers, ("content-length", str(len(body)))]]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, scope: Scope, problem: ProblemError) -> None:
    """A refusal, in the form of the protocol that the request's path is of: problem+json, or {"error": "..."} below /v2."""
    headers, body = problem.headers(), problem.body()
    if scope["path"] == "/v2" or scope["path"].startswith("/v2/"):
        headers, body = JSON + headers[1:], json.dumps({"error": problem.detail}).encode()
    await send_body(send, problem.status, headers, body)


def problem_response(problem: ProblemError, instruments: Instruments) -> Response:
    """A problem as a Starlette response, counted."""
    count(problem, instruments)
    return Response(problem.body(), problem.status, headers=dict(problem.headers()))


def count(problem: ProblemError, instruments: Instruments) -> None:
    """Count a refusal by its type."""
    instruments.refusals.labels(problem.kind).inc()
