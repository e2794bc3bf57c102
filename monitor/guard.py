"""Stands before the monitor's pages once there are keys: asks for one, says which scope would be needed, and tells of failed tries at a bounded rate.

A path that is not named here needs the monitor's own scope, so that a new page is closed until someone opens it. A person's browser sends the key as the
password of HTTP Basic (RFC 7617), whatever the user name; everything else sends it as a bearer key, as to serving.
"""

import json
import time
from base64 import b64decode
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from contracts.errors import KeyRefusedError, SettingsError
from contracts.health import Answer
from contracts.key_file import FailedTries
from contracts.keys import METRICS, MONITOR, KeyRing, bearer
from contracts.listener import is_loopback
from contracts.logs import Logger
from monitor.settings import MonitorSettings

OPEN: Final = frozenset({"/livez", "/readyz"})
"""What probes ask."""
SCOPES: Final = {"/metrics": METRICS}
_CHALLENGES: Final = {"missing-key": "", "unknown-key": ', error="invalid_token"', "wrong-scope": ', error="insufficient_scope"'}
"""RFC 6750, section 3: what the answer says beside the scheme."""
_BASIC: Final = ("WWW-Authenticate", 'Basic realm="keepsight"')


class Guard:
    """Called with each request, before anything of it is answered. `ring` gives the keys of this moment, `count` counts a refusal by its type."""

    def __init__(
        self, ring: Callable[[], KeyRing], count: Callable[[str], None], log: Logger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring, self._count = ring, count
        self._tries = FailedTries(ring, log, clock)

    def __call__(self, path: str, authorization: str, client: str) -> Answer | None:
        """The refusal of a request, by its path, its header ("" where there is none) and its address; None when it may go on."""
        if path in OPEN:
            return None
        token = sent(authorization)
        try:
            self._ring().checked(token, SCOPES.get(path, MONITOR))
        except KeyRefusedError as refused:
            self._count(refused.kind)
            self._tries.tell(refused, token, client, path)
            return _told(refused)
        return None


def sent(authorization: str) -> bytes | None:
    """The key in an `Authorization` header: a bearer's, or the password of Basic; None where there is neither."""
    value = authorization.encode("latin-1", "replace")
    if value[:6].lower() != b"basic ":
        return bearer(value)
    try:
        return b64decode(value[6:].strip(), validate=True).partition(b":")[2]
    except ValueError:
        return None


def check_closed(settings: MonitorSettings) -> None:
    """Refuse settings that would show cameras' photographs to anyone by oversight, or that contradict each other. Raises SettingsError."""
    if settings.keys_file is not None and settings.open:
        raise SettingsError("[monitor] open is true beside keys_file: take one away")
    if settings.keys_file is None and not settings.open and not is_loopback(settings.host):
        raise SettingsError(
            f"[monitor] host is {settings.host!r}, which others can reach, and nothing asks who they are: set keys_file (see `keepsight key new`), or "
            f"open = true if the network lets in whom it should"
        )


def _told(refused: KeyRefusedError) -> Answer:
    """problem+json, as serving has it."""
    status = HTTPStatus.FORBIDDEN if refused.kind == "wrong-scope" else HTTPStatus.UNAUTHORIZED
    body = {"type": f"urn:keepsight:problem:{refused.kind}", "title": status.phrase, "status": status, "detail": str(refused)}
    asked = ("WWW-Authenticate", f'Bearer realm="keepsight"{_CHALLENGES[refused.kind]}')
    headers = (asked, _BASIC) if status == HTTPStatus.UNAUTHORIZED else (asked,)
    return Answer(status, json.dumps(body).encode(), "application/problem+json", headers)
