"""TLS, and mutual TLS where a client CA is named: certificates that can be replaced while connections are open.

The listener keeps one context for ever; each handshake is handed to the newest one by OpenSSL's server-name callback, which is called with or without a
name. Nothing is resumed: a client whose CA is gone cannot come back on an old session.
"""

import ssl
from collections.abc import Sequence
from pathlib import Path

from contracts.certificate import earliest_expiry
from contracts.errors import SettingsError
from contracts.renewal import check_rights


class Tls:
    """Certificate chain, its key, and the CA of the clients (None: clients are not asked for a certificate); all PEM. Raises SettingsError.

    `expires_at` is when the first certificate of the chain in service ends, in Unix seconds.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._newest, self.expires_at = self._made()
        self.context = self._newest
        self.context.sni_callback = self._hand_over

    @property
    def paths(self) -> Sequence[Path]:
        """The files it stands on."""
        return [path for path in (self._certificate, self._key, self._client_ca) if path is not None]

    def renew(self) -> None:
        """Take the files as they are now for all handshakes to come. Raises SettingsError, and goes on with what it had."""
        self._newest, self.expires_at = self._made()

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _made(self) -> tuple[ssl.SSLContext, float]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.num_tickets = 0
        context.set_alpn_protocols(["http/1.1"])
        try:
            check_rights(self.paths)
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
            if self._client_ca is not None:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self._client_ca)
            expires_at = earliest_expiry(self._certificate.read_text("latin-1"))
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            files = ", ".join(str(path) for path in self.paths)
            raise SettingsError(f"[serving] tls: {files}: {error}. Give PEM files, the key without a passphrase") from None
        return context, expires_at


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def client_name(certificate: dict[str, object] | None) -> str:
    """The name in a client's checked certificate: its first DNS name, else its common name; '' where there is none."""
    if not certificate:
        return ""
    names = certificate.get("subjectAltName", ())
    subject = certificate.get("subject", ())
    assert isinstance(names, tuple)
    assert isinstance(subject, tuple)
    dns = [value for kind, value in names if kind == "DNS"]
    common = [value for part in subject for kind, value in part if kind == "commonName"]
    return str(next(iter([*dns, *common]), ""))
