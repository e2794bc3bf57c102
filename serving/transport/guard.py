"""Stands before every route once there are keys: asks for one, says which scope would be needed, and tells of failed tries at a bounded rate.

A path that is not named here needs a key, so that a new route is closed until someone opens it. Frames need the scope of their camera, which the route
itself knows: it asks `key_of` and `keys.check_camera`.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.logs import Logger
from serving.problems import ProblemError
from serving.responses import count, send_problem
from serving.telemetry.instruments import Instruments
from serving.transport.keys import LABELS, METRICS, Key, KeyRing, named, wrong_scope

OPEN: Final = frozenset({"/livez", "/readyz", "/openapi.json", "/v2/health/live", "/v2/health/ready"})
"""What probes ask, and what is public anyway."""
SCOPES: Final = {"/metrics": METRICS, "/v1/labels": LABELS}
_KEY: Final = "keepsight.key"
_CLIENT: Final = "client_name"
_TELL_EVERY_S: Final = 10.0


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
        self._app, self._ring, self._instruments, self._log, self._clock = app, ring, instruments, log, clock
        self._untold, self._tell_at = 0, clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through with its key, or refuse it unread."""
        if scope["path"] not in OPEN:
            try:
                scope[_KEY] = self._checked(scope)
            except ProblemError as problem:
                self._refused(scope, problem)
                await send_problem(send, scope, problem)
                return
        await self._app(scope, receive, send)

    def _checked(self, scope: Scope) -> Key:
        ring = self._ring()
        token = bearer(scope["headers"])
        certified = scope.get("state", {}).get(_CLIENT, "")
        key = ring.of_bearer(token) if token is not None else ring.certificates.get(certified)
        if key is None:
            if token is None:
                raise ProblemError("missing-key", "send the key that you were given as `Authorization: Bearer KEY`")
            raise ProblemError("unknown-key", "the key is none of those known here: mistyped, or replaced by a newer one")
        needed = SCOPES.get(scope["path"])
        if needed is not None and not key.may(needed):
            raise wrong_scope(key, needed)
        return key

    def _refused(self, scope: Scope, problem: ProblemError) -> None:
        """Count each, and tell of them at most every ten seconds: whose id was claimed, if it is one of ours, never what was sent."""
        count(problem, self._instruments)
        self._untold += 1
        if (now := self._clock()) < self._tell_at:
            return
        claimed = named(bearer(scope["headers"]) or b"")
        self._log.warning(
            "key_refused",
            refused=self._untold,
            problem=problem.kind,
            client=(scope.get("client") or ("",))[0],
            path=scope["path"][:128],
            key_id=claimed if claimed in self._ring().keys else "",
        )
        self._untold, self._tell_at = 0, now + _TELL_EVERY_S


def key_of(scope: Scope) -> Key | None:
    """The key that a request came with; None where no keys are asked for, and everyone may do everything."""
    return scope.get(_KEY)


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """What was sent as bearer key (RFC 6750, section 2.1); None when nothing was, or another scheme."""
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return value[7:].strip()
    return None
