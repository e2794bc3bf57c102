"""What a person posts: read from a form, from our own pages only, with bounds on everything."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

from contracts.errors import KeepsightError
from contracts.health import Request
from contracts.labelling import MAX_NAME

MAX_REASON: Final = 500
MAX_FIELDS: Final = 32
NAME_COOKIE: Final = "keepsight-name"


class FormError(KeepsightError):
    """A form that cannot be taken; `status` is HTTP's."""

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


class OldPageError(FormError):
    """A form that carries another process's token: ours before a restart, or another replica's. `fields` are what was typed, {} where the browser does not
    say that a page of ours sent it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(
            "the page is older than the monitor's last start: load it again, then send it again. Nothing was done", 409
        )
        self.fields = fields


class Token:
    """What every form of this process carries, so that no other site's page can post in a person's name: it cannot read ours."""

    def __init__(self) -> None:
        self.value = secrets.token_urlsafe(24)

    def read(self, request: Request) -> dict[str, str]:
        """The fields of a form of ours. Raises FormError, OldPageError where only the token is wrong."""
        if is_cross_site(request.headers):
            raise FormError("the browser says that another site sent this: nothing was done", 403)
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise FormError("send a form: application/x-www-form-urlencoded", 415)
        try:
            fields = dict(parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"))
        except ValueError as error:
            raise FormError(f"the form cannot be read: {error}", 400) from None
        if not hmac.compare_digest(fields.pop("token", "").encode(), self.value.encode()):
            raise OldPageError(fields if is_same_site(request.headers) else {})
        return fields


def is_same_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of ours sent a request; not to be cross-site is less."""
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    return bool(headers.get("origin")) and not is_cross_site(headers)


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a request comes from another site's page, as Go's http.CrossOriginProtection decides it: Sec-Fetch-Site, which browsers
    send where the connection is trustworthy, else Origin against Host. What says neither is no browser, and no page can make it so."""
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin", "")
    return bool(origin) and origin.partition("://")[2] != headers.get("host", "")


def named(fields: Mapping[str, str], key_id: str = "") -> str:
    """Who it is: the name that was typed, and whose key came with it. Raises FormError."""
    name = _text(fields, "by", "your name", MAX_NAME - len(key_id) - 7)
    return f"{name} (key {key_id})" if key_id else name


def reasoned(fields: Mapping[str, str]) -> str:
    """Why. Raises FormError."""
    return _text(fields, "reason", "a reason", MAX_REASON)


def _text(fields: Mapping[str, str], field: str, what: str, most: int) -> str:
    text = " ".join(fields.get(field, "").split())
    if not text or not text.isprintable():
        raise FormError(f"{what} is missing: it is kept in the record")
    if len(text) > most:
        raise FormError(f"{what} has {len(text)} characters; at most {most} are kept")
    return text


def cookie_of(name: str) -> tuple[str, str]:
    """The header that has the browser remember a name for a year: it is typed once."""
    return "Set-Cookie", f"{NAME_COOKIE}={quote(name)}; Path=/console; Max-Age=31536000; SameSite=Strict; HttpOnly"


def name_in(request: Request) -> str:
    """The name that the browser remembers; "" when it knows none."""
    for part in request.headers.get("cookie", "").split(";"):
        key, _, value = part.strip().partition("=")
        if key == NAME_COOKIE:
            name = unquote(value)[:MAX_NAME]
            return name if name.isprintable() else ""
    return ""
