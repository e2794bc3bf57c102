"""One kept-alive HTTP or HTTPS connection to serving, opened again when it breaks. What is wrong is said in words."""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from contracts.errors import KeepsightError
from standalone.camera_client.errors import TurnedAwayError, UsageError

_MAX_ANSWER_BYTES: Final = 16 << 20
_HUNG_UP: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class UnreachableError(KeepsightError):
    """No answer came. The same request may be answered later; the server may have taken it, too."""


class Reply(NamedTuple):
    """An HTTP answer; `retry_after` is the header's text, "" without one."""

    status: int
    body: bytes
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """Where serving is. `path` stands before its own paths, "" mostly."""

    secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        """As one writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.secure else ''}://{host}:{self.port}{self.path}"


def server_of(url: str) -> Server:
    """Parse `http://host:port`, `https://host/prefix` or `host:port`. Raises UsageError."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise UsageError(f"--server {url!r} is no address: {error}. Write http://HOST:PORT or https://HOST") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"--server {url!r} is no address. Write http://HOST:PORT or https://HOST")
    if parts.username is not None:
        raise UsageError("--server has a user name in it; serving takes a key: give its file with --key-file")
    return Server(parts.scheme == "https", parts.hostname, port, parts.path.rstrip("/"))


def trust(ca_file: Path | None = None, cert_file: Path | None = None, cert_key_file: Path | None = None) -> ssl.SSLContext:
    """Whom to believe over TLS 1.2 or newer (the system's authorities, or those of `ca_file`), and who we are. Raises UsageError."""
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert_file is not None:
            context.load_cert_chain(cert_file, cert_key_file, password=_no_password)
    except (OSError, ValueError) as error:
        files = ", ".join(str(path) for path in (ca_file, cert_file, cert_key_file) if path is not None)
        raise UsageError(
            f"the certificates cannot be read from {files}: {error}. Wanted are PEM files, the key without a password"
        ) from None
    return context


class Connection:
    """Not thread-safe. `tls` is asked at every new connection, so that renewed certificates are taken without a restart; None speaks plain HTTP."""

    def __init__(self, server: Server, timeout_s: float, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        self.server = server
        self._timeout_s, self._tls = timeout_s, tls
        self._http: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """The server's answer, whatever it is. Raises UnreachableError when none came, TurnedAwayError when TLS fails for good."""
        try:
            if self._http is not None:
                try:
                    return self._ask(self._http, path, body, headers)
                except _HUNG_UP:  # the server had closed the idle connection: no fault, and no reason to wait
                    self.close()
            self._http = self._opened()
            return self._ask(self._http, path, body, headers)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise TurnedAwayError(
                f"{self.server.url} is not believed: {error.verify_message}. Check its name and date, or give its authority with --ca-file"
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if isinstance(error, ssl.SSLError) and not isinstance(error, _HUNG_UP):
                raise TurnedAwayError(
                    f"TLS with {self.server.url} failed: {error.reason}. {_tls_advice(str(error.reason))}"
                ) from None
            raise UnreachableError(f"{self.server.url} does not answer: {_words(error, self.server.secure)}") from None

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        if self._http is not None:
            self._http.close()
        self._http = None

    def _opened(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self.server.host, self.server.port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(self.server.host, self.server.port, timeout=self._timeout_s, context=self._tls())

    def _ask(self, connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        broken = False
        try:
            connection.request("POST", self.server.path + path, body, dict(headers))
        except (BrokenPipeError, ConnectionResetError):
            broken = True  # a refusal may have come before the body was through: it is worth more than the broken pipe
        answer = connection.getresponse()
        content = answer.read(_MAX_ANSWER_BYTES + 1)
        if broken or len(content) > _MAX_ANSWER_BYTES:
            self.close()
        return Reply(answer.status, content[:_MAX_ANSWER_BYTES], answer.getheader("Retry-After") or "")


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _tls_advice(reason: str) -> str:
    if "WRONG_VERSION" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER" in reason:
        return "The server speaks plain HTTP there: write http://"
    if "ALERT" in reason:
        return "The server wants a certificate of this camera that it believes: --cert-file and --cert-key-file"
    return "Both sides need TLS 1.2 or newer"


def _words(error: Exception, secure: bool) -> str:
    if isinstance(error, socket.gaierror):
        return f"its name is not known ({error.strerror})"
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, _HUNG_UP):
        other = "wants a certificate of this camera: --cert-file" if secure else "speaks TLS: https://"
        return f"it hung up (it is stopping, or {other})"
    if isinstance(error, http.client.HTTPException):
        return f"what came is no HTTP ({type(error).__name__})"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
