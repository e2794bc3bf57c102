"""How the port is closed, from the settings: keys, TLS, or open on purpose. What would be open by oversight does not start."""

import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path

from contracts.errors import SettingsError
from serving.settings import ServingSettings
from serving.transport.keys import KeyRing, parse
from serving.transport.renewal import Renewed, check_rights
from serving.transport.tls import Tls


class Gate:
    """Keys and certificates as the settings name them, and the files to read again. Raises SettingsError."""

    def __init__(self, settings: ServingSettings) -> None:
        check_closed(settings)
        self.files: list[Renewed] = []
        self.ring: Callable[[], KeyRing] | None = None
        self.tls_context: ssl.SSLContext | None = None
        if settings.keys_file is not None:
            keys = KeysFile(settings.keys_file)
            self.files.append(Renewed("keys", [settings.keys_file], keys.read))
            self.ring = lambda: keys.ring
        if settings.tls_cert_file is not None and settings.tls_key_file is not None:
            tls = Tls(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)
            self.files.append(Renewed("certificates", tls.paths, tls.renew))
            self.tls_context = tls.context


class KeysFile:
    """The keys in a file. Raises SettingsError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.read()

    def read(self) -> None:
        """Take the file as it is now; what cannot be used leaves `ring` as it was. Raises SettingsError."""
        try:
            check_rights([self._path])
            self.ring = parse(self._path.read_text("ascii"), f"keys file {self._path}")
        except OSError as error:
            raise SettingsError(f"keys file {self._path} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise SettingsError(f"keys file {self._path} is no text of ASCII letters") from None


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


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
