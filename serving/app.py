"""The routes: frames and the Open Inference Protocol (raw ASGI), labels, health, metrics and the OpenAPI document, with every refusal as problem+json."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.keys import KeyRing
from contracts.logs import Logger
from contracts.metrics import exposition
from serving import openapi
from serving.edge.batch import BatchEdge
from serving.edge.frames import FrameEdge, Limits
from serving.edge.labels import Labels
from serving.oip.edge import OipEdge
from serving.problems import ProblemError
from serving.responses import count, problem_response, send_problem
from serving.telemetry.instruments import Instruments
from serving.telemetry.requests import Counted
from serving.telemetry.trace import Traces
from serving.transport.body import ClientGoneError, check_head, read_body
from serving.transport.guard import Guard

MAX_LABEL_REQUESTS: Final = 8
"""In hand at one time, each with a body of up to max_body_bytes."""


@dataclass(frozen=True)
class Edge:
    """What the routes stand on. `not_ready` gives the reason why the service is not ready, None when it is; `leaving` whether it is about to stop."""

    frames: FrameEdge
    oip: OipEdge
    labels: Labels
    limits: Limits
    not_ready: Callable[[], str | None]
    leaving: Callable[[], bool]
    instruments: Instruments
    traces: Traces | None = None


def application(edge: Edge, ring: Callable[[], KeyRing] | None = None) -> ASGIApp:
    """The ASGI application; with `ring`, the keys of the moment, closed to everyone else."""
    batch = Route("/v1/frames/batch", BatchEdge(edge.frames, edge.limits))
    protocol = [Route("/v2", edge.oip), Mount("/v2", edge.oip)]
    app = FastAPI(
        routes=[batch, *protocol, _labels(edge), *_health(edge)],
        exception_handlers=_problems(edge.instruments),
        openapi_url=None,
        redirect_slashes=False,
    )
    routed = _straight(edge.frames, app, edge.instruments)
    guarded = routed if ring is None else Guard(routed, ring, edge.instruments, Logger("serving"))
    return Counted(_says_goodbye(_no_pages(guarded, edge.instruments), edge.leaving), edge.instruments, edge.traces)


def _labels(edge: Edge) -> Route:
    room = asyncio.Semaphore(MAX_LABEL_REQUESTS)

    async def labels(request: Request) -> Response:
        check_head(request.scope["headers"], edge.limits.max_body_bytes)
        if (reason := edge.frames.not_ready()) is not None:
            raise ProblemError("not-ready", reason, retry_after_s=1)
        if room.locked():
            detail = (
                f"{MAX_LABEL_REQUESTS} requests with labels are in hand; this one was not read, post the same labels again later"
            )
            raise ProblemError("labels-held-up", detail, retry_after_s=1)
        async with room:
            body = await read_body(request.receive, edge.limits.max_body_bytes, edge.limits.body_timeout_s)
            taken = await asyncio.to_thread(edge.labels.take, body)
        return Response(msgspec.json.encode(taken), media_type="application/json")

    return Route("/v1/labels", labels, methods=["POST"])


def _health(edge: Edge) -> list[Route]:
    document = msgspec.json.encode(openapi.document())  # once: strangers may ask for it

    async def described(_: Request) -> Response:
        return Response(document, media_type="application/json")

    async def livez(_: Request) -> Response:
        return Response(b'{"status": "ok"}', media_type="application/json")

    async def readyz(_: Request) -> Response:
        reason = edge.not_ready()
        body = {"status": "ok"} if reason is None else {"status": "not ready", "reason": reason}
        return Response(json.dumps(body), 200 if reason is None else 503, media_type="application/json")

    def metrics(request: Request) -> Response:  # not async: it gets a thread, and the exposition does not hold up the frames
        body, kind = exposition(edge.instruments.registry, request.headers.get("accept", ""))
        return Response(body, media_type=kind)

    routes = {"/openapi.json": described, "/livez": livez, "/readyz": readyz, "/metrics": metrics}
    return [Route(path, answer) for path, answer in routes.items()]


def _problems(instruments: Instruments) -> dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]]:
    """What is told when a route raises."""

    async def problem(request: Request, error: ProblemError) -> Response:
        return problem_response(request.scope, error, instruments)

    async def gone(_: Request, __: Exception) -> Response:
        return Response(status_code=400)  # nobody hears it

    async def other(request: Request, error: HTTPException) -> Response:
        path = request.scope["path"][:128]  # request.url stands on the Host header, which can be anything
        if error.status_code == 405:
            allow = ", ".join(sorted((error.headers or {}).get("Allow", "").split(", ")))
            found = ProblemError("method-not-allowed", f"{path} takes {allow}, not {request.method}", allow=allow)
        else:
            found = ProblemError("not-found", f"{path!r} is no path of this server; see /openapi.json")
        return problem_response(request.scope, found, instruments)

    async def failed(request: Request, _: Exception) -> Response:
        return problem_response(request.scope, _bug(), instruments)

    return {ProblemError: problem, ClientGoneError: gone, HTTPException: other, Exception: failed}


def _bug() -> ProblemError:
    return ProblemError("internal", "the server failed on this request and logged why")


def _straight(frames: ASGIApp, app: ASGIApp, instruments: Instruments) -> ASGIApp:
    """Frames go past the framework: its layers take 25 microseconds a request, more than the event and the journal."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/v1/frames":
            await app(scope, receive, send)
            return
        try:
            await frames(scope, receive, send)
        except Exception:
            problem = _bug()
            count(problem, instruments)
            await send_problem(send, scope, problem)
            raise  # uvicorn logs it

    return wrapped


def _no_pages(app: ASGIApp, instruments: Instruments) -> ASGIApp:
    """Refuse what a browser posts for a web page (Fetch standard, 3.2: it then says the page's origin).

    Whoever opens any page on a machine that may post here, by its address or its client certificate, would let that page post frames and labels.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST" and any(name == b"origin" for name, _ in scope["headers"]):
            problem = ProblemError(
                "cross-site", "the request has the header Origin, so it comes from a web page; none may post here"
            )
            count(problem, instruments)
            await send_problem(send, scope, problem)
            return
        await app(scope, receive, send)

    return wrapped


def _says_goodbye(app: ASGIApp, leaving: Callable[[], bool]) -> ASGIApp:
    """Ask clients to close their connections once the server is about to stop, so that none is closed under a request."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await app(scope, receive, closing if leaving() else send)

    return wrapped
