"""The Open Inference Protocol v2 over HTTP (/v2/...), as Triton and KServe speak it: health, metadata, inference, and of Triton's extensions statistics,
configuration and the repository's index. Raw ASGI, below one prefix; an error is {"error": "..."} with the status of its problem.
"""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from serving.models.registry import Lineup
from serving.oip import model
from serving.oip.infer import Inference, versions_of
from serving.oip.stats import Statistics
from serving.problems import ProblemError
from serving.responses import JSON, count, send_body, send_problem
from serving.telemetry.instruments import Instruments
from serving.transport.body import ClientGoneError, check_head, read_body

EXTENSIONS: Final = ("classification", "model_configuration", "model_repository", "binary_tensor_data", "parameters", "statistics")
_MAX_INDEX_BYTES: Final = 4096


class OipEdge:
    """The ASGI application of /v2. `lineup` gives the versions in service, `not_ready` why nothing is answered, None when it is."""

    def __init__(
        self,
        name: str,
        inference: Inference,
        statistics: Statistics,
        lineup: Callable[[], Lineup | None],
        not_ready: Callable[[], str | None],
        body_timeout_s: float,
        instruments: Instruments,
    ) -> None:
        self._name, self._inference, self._statistics = name, inference, statistics
        self._lineup, self._not_ready, self._body_timeout_s, self._instruments = lineup, not_ready, body_timeout_s, instruments

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start = time.perf_counter()
        try:
            await self._answer(scope, receive, send, start)
        except ClientGoneError:
            return
        except ProblemError as problem:
            count(problem, self._instruments)
            await send_problem(send, scope, problem)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, start: float) -> None:
        match scope["path"].split("/")[1:]:
            case ["v2"]:
                _only("GET", scope)
                await _send(send, {"name": "keepsight", "version": "1", "extensions": EXTENSIONS})
            case ["v2", "health", "live"]:
                _only("GET", scope)
                await send_body(send, 200, JSON, b"")
            case ["v2", "health", "ready"]:
                _only("GET", scope)
                await _send_ready(send, self._not_ready() or "")
            case ["v2", "models", "stats"]:
                _only("GET", scope)
                await _send(send, self._stats(""))
            case ["v2", "models", name, "versions", version, *rest] if version and len(rest) < 2:
                await self._of_model(name, version, rest, scope, receive, send, start)
            case ["v2", "models", name, *rest] if name and len(rest) < 2:
                await self._of_model(name, "", rest, scope, receive, send, start)
            case ["v2", "repository", "index"]:
                _only("POST", scope)
                await _send(send, await self._index(scope, receive))
            case ["v2", "repository", "models", _, "load" | "unload"]:
                _only("POST", scope)
                raise ProblemError("channels-decide", _CHANNELS)
            case _:
                raise ProblemError(
                    "not-found", f"{scope['path'][:128]!r} is no path of the protocol here; extensions: {', '.join(EXTENSIONS)}"
                )

    async def _of_model(
        self, name: str, version: str, rest: list[str], scope: Scope, receive: Receive, send: Send, start: float
    ) -> None:
        what = rest[0] if rest else ""
        if what not in ("", "ready", "config", "stats", "infer"):
            raise ProblemError("not-found", f"{scope['path'][:128]!r} is no path of the protocol")
        _only("POST" if what == "infer" else "GET", scope)
        if what == "ready":
            await _send_ready(send, self._why_not_ready(name, version))
            return
        if name != self._name:
            raise ProblemError(
                "unknown-model", f"Request for unknown model: {name[:64]!r} is not found; this server serves {self._name!r}"
            )
        if what == "infer":
            await self._inference.answer(scope, receive, send, version, start)
        elif what == "stats":
            await _send(send, self._stats(version))
        else:
            await _send(send, self._described(what, version))

    def _why_not_ready(self, name: str, version: str) -> str:
        if name != self._name:
            return f"this server serves {self._name!r} only"
        try:
            versions_of(self._lineup(), name, version)
        except ProblemError as problem:
            return problem.detail
        return self._not_ready() or ""

    def _described(self, what: str, version: str) -> dict[str, Any]:
        versions = versions_of(self._lineup(), self._name, version)
        served, _ = versions[version or next(iter(versions))]
        if what == "config":
            return model.config(self._name, served, self._inference.max_frames)
        return model.metadata(self._name, [version] if version else list(versions), served)

    def _stats(self, version: str) -> dict[str, Any]:
        versions = versions_of(self._lineup(), self._name, version)
        return {"model_stats": [self._statistics.of(self._name, one) for one in ([version] if version else versions)]}

    async def _index(self, scope: Scope, receive: Receive) -> list[dict[str, str]]:
        """The versions in service; all of them are ready."""
        check_head(scope["headers"], _MAX_INDEX_BYTES)
        body = await read_body(receive, _MAX_INDEX_BYTES, self._body_timeout_s)
        try:
            asked = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ProblemError("bad-json", f"the body is no JSON: {error}") from None
        if isinstance(asked, dict) and not isinstance(asked.get("ready", False), bool):
            raise ProblemError("bad-json", "`ready` is true or false")
        versions = versions_of(self._lineup(), self._name) if self._lineup() else {}
        return [
            {"name": self._name, "version": version, "state": "READY", "reason": role} for version, (_, role) in versions.items()
        ]


_CHANNELS: Final = "which versions are loaded follows the model's channels, which retraining and `keepsight` (approve, rollback) move; not this call"


async def _send_ready(send: Send, why_not: str) -> None:
    """200 and nothing, or 400 as the protocol has it."""
    await send_body(send, 400 if why_not else 200, JSON, json.dumps({"error": why_not}).encode() if why_not else b"")


async def _send(send: Send, document: object) -> None:
    await send_body(send, 200, JSON, json.dumps(document).encode())


def _only(method: str, scope: Scope) -> None:
    if scope["method"] != method:
        raise ProblemError("method-not-allowed", f"{scope['path'][:128]} takes {method}, not {scope['method']}", allow=method)
