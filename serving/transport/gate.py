"""How the port is closed, from the settings: keys, TLS, or open on purpose. What would be open by oversight does not start."""

import ssl
from collections.abc import Callable

from contracts.errors import SettingsError
from contracts.key_file import KeysFile
from contracts.keys import KeyRing
from contracts.listener import is_loopback
from contracts.renewal import Renewed
from serving.settings import ServingSettings
from serving.transport.tls import Tls


class Gate:
    """Keys and certificates as the settings name them, and the files to read again. Raises SettingsError.

    `certificate_expiry` gives when the server's certificate in service ends (Unix seconds); 0 without TLS.
    """

    def __init__(self, settings: ServingSettings) -> None:
        check_closed(settings)
        self.files: list[Renewed] = []
        self.ring: Callable[[], KeyRing] | None = None
        self.tls_context: ssl.SSLContext | None = None
        self.certificate_expiry: Callable[[], float] = lambda: 0.0
        if settings.keys_file is not None:
            keys = KeysFile(settings.keys_file)
            self.files.append(keys.renewed)
            self.ring = lambda: keys.ring
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            tls = Tls(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
            self.files.append(Renewed("certificates", tls.paths, tls.renew))
            self.tls_context = tls.context
            self.certificate_expiry = lambda: tls.expires_at


def check_closed(settings: ServingSettings) -> None:
    """Refuse settings that would let anyone in by oversight, or that contradict each other. Raises SettingsError."""
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    if (certificate is None) is not (key is None):
        raise SettingsError("[serving] tls_cert_file and tls_key_file belong together: give both, or neither for plain HTTP")
    if settings.tls_client_ca_file is not None and certificate is None:
        raise SettingsError(
            "[serving] tls_client_ca_file needs tls_cert_file and tls_key_file: there are no client certificates without TLS"
        )
    closed = settings.keys_file is not None or settings.tls_client_ca_file is not None
    if closed and settings.open:
        raise SettingsError("[serving] open is true beside keys_file or tls_client_ca_file: take one away")
    if not closed and not settings.open and not is_loopback(settings.host):
        raise SettingsError(
            f"[serving] host is {settings.host!r}, which others can reach, and nothing asks who they are: set keys_file (see `keepsight key new`) or "
            f"tls_client_ca_file, or open = true if the network lets in whom it should"
        )
