"""Stands before every route once there are keys: asks for one, says which scope would be needed, and tells of failed tries at a bounded rate.

A path that is not named here needs a key, so that a new route is closed until someone opens it. Frames need the scope of their camera, which the route
itself knows: it asks `key_of` and `check_camera`.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from contracts import keys
from contracts.errors import KeyRefusedError
from contracts.key_file import FailedTries
from contracts.keys import LABELS, METRICS, Key, KeyRing
from contracts.logs import Logger
from serving.responses import count, send_problem
from serving.telemetry.instruments import Instruments
from serving.transport.keys import problem_of

OPEN: Final = frozenset({"/livez", "/readyz", "/openapi.json", "/v2/health/live", "/v2/health/ready"})
"""What probes ask, and what is public anyway."""
SCOPES: Final = {"/metrics": METRICS, "/v1/labels": LABELS}
_KEY: Final = "keepsight.key"
_CLIENT: Final = "client_name"


class Guard:
    """The ASGI application behind which `app` stands. `ring` gives the keys of this moment."""

    def __init__(
        self,
        app: ASGIApp,
        ring: Callable[[], KeyRing],
        instruments: Instruments,
        log: Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._ring, self._instruments = app, ring, instruments
        self._tries = FailedTries(ring, log, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with its key, or refuse it unread."""
        if scope["path"] not in OPEN:
            token = bearer(scope["headers"])
            try:
                scope[_KEY] = self._ring().checked(token, SCOPES.get(scope["path"]), scope.get("state", {}).get(_CLIENT, ""))
            except KeyRefusedError as refused:
                problem = problem_of(refused)
                count(problem, self._instruments)
                self._tries.tell(refused, token, (scope.get("client") or ("",))[0], scope["path"])
                await send_problem(send, scope, problem)
                return
        await self._app(scope, receive, send)


def key_of(scope: Scope) -> Key | None:
    """The key that a request came with; None where no keys are asked for, and everyone may do everything."""
    return scope.get(_KEY)


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """What was sent as bearer key; None when nothing was, or another scheme."""
    for name, value in headers:
        if name == b"authorization" and (token := keys.bearer(value)) is not None:
            return token
    return None
