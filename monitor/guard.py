"""Stands before the monitor's pages once there are keys: asks for one, says which scope would be needed, and tells of failed tries at a bounded rate.

A path that is not named here needs the monitor's own scope, so that a new page is closed until someone opens it; what changes something (a POST) needs
`console`. A person's browser sends the key as the password of HTTP Basic (RFC 7617), whatever the user name; everything else sends it as a bearer key, as to
serving. Where there are no keys, only the names of this machine are answered: a web page of somebody else whose own name is made to point here (DNS
rebinding) would otherwise read all that a person at this machine may.
"""

import json
import time
from base64 import b64decode
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from contracts.errors import KeyRefusedError, SettingsError
from contracts.health import Answer, Request
from contracts.key_file import FailedTries
from contracts.keys import CONSOLE, METRICS, MONITOR, KeyRing, bearer
from contracts.listener import is_loopback
from contracts.logs import Logger
from monitor.settings import MonitorSettings

OPEN: Final = frozenset({"/livez", "/readyz"})
"""What probes ask."""
SCOPES: Final = {"/metrics": METRICS}
_CHALLENGES: Final = {"missing-key": "", "unknown-key": ', error="invalid_token"', "wrong-scope": ', error="insufficient_scope"'}
"""RFC 6750, section 3: what the answer says beside the scheme."""
_PROBLEM: Final = "application/problem+json"
_BASIC: Final = ("WWW-Authenticate", 'Basic realm="keepsight"')


class Guard:
    """Called with each request, before anything of it is answered. `ring` gives the keys of this moment, `count` counts a refusal by its type."""

    def __init__(
        self, ring: Callable[[], KeyRing], count: Callable[[str], None], log: Logger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring, self._count = ring, count
        self._tries = FailedTries(ring, log, clock)

    def __call__(self, request: Request) -> Answer | None:
        """The refusal of a request; None when it may go on."""
        if request.place in OPEN:
            return None
        token = sent(request.headers.get("authorization", ""))
        needed = CONSOLE if request.method == "POST" else SCOPES.get(request.place, MONITOR)
        try:
            self._ring().checked(token, needed)
        except KeyRefusedError as refused:
            self._count(refused.kind)
            self._tries.tell(refused, token, request.client, request.place)
            return _told(refused, _is_basic(request.headers.get("authorization", "")))
        return None

    def key_id(self, request: Request) -> str:
        """Whose key a request came with; "" where it has none of ours."""
        token = sent(request.headers.get("authorization", ""))
        key = None if token is None else self._ring().of_bearer(token)
        return key.key_id if key is not None else ""


class Local:
    """Stands there instead while there are no keys: refuses names that are not this machine's."""

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def __call__(self, request: Request) -> Answer | None:
        """The refusal of a request; None when it may go on."""
        if request.place in OPEN or is_loopback(_host(request)):
            return None
        self._count("wrong-host")
        detail = "this monitor has no keys and answers this machine alone, as localhost or 127.0.0.1; set [monitor] keys_file, or open = true"
        return Answer(HTTPStatus.MISDIRECTED_REQUEST, _problem("wrong-host", HTTPStatus.MISDIRECTED_REQUEST, detail), _PROBLEM)


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', 'localhost')}").hostname or ""
    except ValueError:  # no address at all
        return ""


def sent(authorization: str) -> bytes | None:
    """The key in an `Authorization` header: a bearer's, or the password of Basic; None where there is neither."""
    value = authorization.encode("latin-1", "replace")
    if not _is_basic(authorization):
        return bearer(value)
    try:
        return b64decode(value[6:].strip(), validate=True).partition(b":")[2]
    except ValueError:
        return None


def _is_basic(authorization: str) -> bool:
    return authorization[:6].lower() == "basic "


def check_closed(settings: MonitorSettings) -> None:
    """Refuse settings that would show cameras' photographs to anyone by oversight, or that contradict each other. Raises SettingsError."""
    if settings.keys_file is not None and settings.open:
        raise SettingsError("[monitor] open is true beside keys_file: take one away")
    if settings.keys_file is None and not settings.open and not is_loopback(settings.host):
        raise SettingsError(
            f"[monitor] host is {settings.host!r}, which others can reach, and nothing asks who they are: set keys_file (see `keepsight key new`), or "
            f"open = true if the network lets in whom it should"
        )


def _told(refused: KeyRefusedError, person: bool) -> Answer:
    """problem+json, as serving has it. A person's browser is asked for another key where the one that it keeps may not do this: else it could not be changed
    before the browser is closed, which a phone's never is."""
    status = HTTPStatus.FORBIDDEN if refused.kind == "wrong-scope" and not person else HTTPStatus.UNAUTHORIZED
    asked = ("WWW-Authenticate", f'Bearer realm="keepsight"{_CHALLENGES[refused.kind]}')
    headers = (asked, _BASIC) if status == HTTPStatus.UNAUTHORIZED else (asked,)
    return Answer(status, _problem(refused.kind, status, str(refused)), _PROBLEM, headers)


def _problem(kind: str, status: HTTPStatus, detail: str) -> bytes:
    body = {"type": f"urn:keepsight:problem:{kind}", "title": status.phrase, "status": status, "detail": detail}
    return json.dumps(body).encode()
