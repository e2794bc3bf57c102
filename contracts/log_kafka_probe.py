"""Why a Kafka cluster cannot be reached: one short conversation over a bare socket, step by step.

The Kafka client says "unable to bootstrap" for a wrong password, a missing authority, plain text sent to a TLS port, a name that does not
resolve and a broker that is down. Each asks for something else from a person, so before a client is built the probe goes the same way (name,
socket, TLS, SASL) and says where it ended. It speaks only SaslHandshake and SaslAuthenticate (Kafka protocol guide, keys 17 and 36), which
every broker since 1.0 knows.
"""

import contextlib
import socket
import ssl
import struct
from collections.abc import Iterable
from typing import Final

from contracts.errors import LogAwayError, LogError, LogRefusedError
from contracts.log_kafka_client import SaslMechanismPlain, SaslMechanismScram
from contracts.log_security import LogSecurity

_TIMEOUT_S: Final = 5.0
_HANDSHAKE: Final = 17, 1
_AUTHENTICATE: Final = 36, 0
_UNSUPPORTED_MECHANISM: Final = 33
_ILLEGAL_STATE: Final = 34
_NO_MECHANISM: Final = "NONE"


def greet(servers: Iterable[str], security: LogSecurity | None, tls: ssl.SSLContext | None) -> None:
    """Return as soon as one server lets this user in (some 5 ms, with TLS and SCRAM 30 ms).

    Raises LogRefusedError at the first server that refuses, LogAwayError with what each one said when none answers.
    """
    said = []
    for server in servers:
        try:
            _converse(server, security, tls)
            return
        except LogAwayError as error:
            said.append(str(error))
    raise LogAwayError("; ".join(said))


def _converse(server: str, security: LogSecurity | None, tls: ssl.SSLContext | None) -> None:
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(_connect(server, _TIMEOUT_S))
        wire = plain if tls is None else stack.enter_context(_handshake(server, plain, tls))
        try:
            _authenticate(server, wire, security)
        except TimeoutError as error:
            raise LogAwayError(
                f"{server} took the connection but answers nothing; the broker may be paused or overloaded"
            ) from error
        except ssl.SSLError as error:
            raise LogRefusedError(
                f"{server} ended the TLS connection: {error.reason}; if it asks for a client certificate, set its certificate and key files"
            ) from error
        except OSError as error:
            if tls is None and _speaks_tls(server):
                raise LogRefusedError(
                    f"{server} speaks TLS, but the log's settings say plain text; turn TLS on and name the authority's file"
                ) from error
            raise LogAwayError(
                f"{server} closed the connection: {error or 'without a word'}; it may be starting or stopping"
            ) from error


def _connect(server: str, timeout_s: float) -> socket.socket:
    host, _, port = server.rpartition(":")
    try:
        return socket.create_connection((host.strip("[]"), int(port)), timeout_s)
    except socket.gaierror as error:
        raise LogAwayError(
            f"the name {host!r} does not resolve ({error.strerror}); check the log URL and this machine's DNS"
        ) from error
    except TimeoutError as error:
        raise LogAwayError(
            f"{server} does not answer within {timeout_s:g} s; check the address, the firewall and that the broker runs"
        ) from error
    except OSError as error:
        raise LogAwayError(
            f"{server} cannot be reached: {error.strerror or error}; check the port and that the broker runs"
        ) from error


def _handshake(server: str, plain: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    try:
        return tls.wrap_socket(plain, server_hostname=server.rpartition(":")[0].strip("[]"))
    except ssl.SSLCertVerificationError as error:
        raise LogRefusedError(
            f"the certificate of {server} is not trusted: {error.verify_message}; name the file of the authority that signed it (ca_file)"
        ) from error
    except TimeoutError as error:
        raise LogAwayError(f"{server} took the connection but answers nothing; the broker may be paused or overloaded") from error
    except OSError as error:
        if _speaks_plain(server):
            raise LogRefusedError(
                f"{server} speaks plain text, but the log's settings say TLS; use the broker's TLS port, or turn TLS off"
            ) from error
        raise LogAwayError(f"the TLS handshake with {server} failed: {error}; it may be starting or stopping") from error


def _speaks_tls(server: str) -> bool:
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname = False
    anyone.verify_mode = ssl.CERT_NONE  # nothing is sent: the question is only whether TLS is spoken
    try:
        with _connect(server, _TIMEOUT_S) as plain, anyone.wrap_socket(plain):
            return True
    except (OSError, LogError):
        return False


def _speaks_plain(server: str) -> bool:
    try:
        with _connect(server, _TIMEOUT_S) as plain:
            _ask(plain, *_HANDSHAKE, _string(_NO_MECHANISM))
            return True
    except (OSError, LogError):
        return False


def _authenticate(server: str, wire: socket.socket, security: LogSecurity | None) -> None:
    user = security.username if security is not None else ""
    mechanism = security.mechanism if security is not None and user else _NO_MECHANISM
    answer = _ask(wire, *_HANDSHAKE, _string(mechanism))
    (code,) = struct.unpack_from(">h", answer)
    if code == _ILLEGAL_STATE:
        if user:
            raise LogRefusedError(f"{server} does not ask for a user; use the broker's SASL port, or leave user and password empty")
        return
    if code == _UNSUPPORTED_MECHANISM:
        allowed = ", ".join(_strings(answer[2:]))
        if user:
            raise LogRefusedError(f"{server} does not offer the SASL mechanism {mechanism}; it offers {allowed}")
        raise LogRefusedError(f"{server} asks for a user and a password ({allowed}); set them")
    if security is not None:
        _prove(server, wire, security)


def _prove(server: str, wire: socket.socket, security: LogSecurity) -> None:
    facts = {
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": security.username,
        "sasl_plain_password": security.password,
    }
    proof = SaslMechanismPlain(**facts) if security.mechanism == "PLAIN" else SaslMechanismScram(**facts)
    while not proof.is_done():
        token = proof.auth_bytes()
        answer = _ask(wire, *_AUTHENTICATE, struct.pack(">i", len(token)) + token)
        (code,) = struct.unpack_from(">h", answer)
        if code:
            raise LogRefusedError(
                f"{server} refused user {security.username!r} ({security.mechanism}): wrong user or password, or the user is not set up for this mechanism"
            )
        (skip,) = struct.unpack_from(">h", answer, 2)
        proof.receive(answer[2 + 2 + max(skip, 0) + 4 :])


def _ask(wire: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """Send one request with the v1 header; the answer's body. Raises OSError when the other side is silent, gone or speaks something else."""
    request = struct.pack(">hhi", key, version, 1) + _string("keepsight-probe") + body
    wire.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _read(wire, 4))
    if not 4 < size < 1 << 20:
        raise ConnectionError("it does not speak Kafka's protocol")
    return _read(wire, size)[4:]


def _read(wire: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = wire.recv(size - len(data))
        if not more:
            raise ConnectionError("it hung up")
        data += more
    return data


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text.encode())) + text.encode()


def _strings(data: bytes) -> list[str]:
    (count,), at, found = struct.unpack_from(">i", data), 4, []
    for _ in range(count):
        (size,) = struct.unpack_from(">h", data, at)
        found.append(data[at + 2 : at + 2 + size].decode())
        at += 2 + size
    return found
