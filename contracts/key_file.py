"""The keys file of a process that runs: read at its start, and again when a person or a secret store replaces it; and the telling of failed tries."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contracts.errors import KeyRefusedError, SettingsError
from contracts.keys import KeyRing, named, parse
from contracts.logs import Logger
from contracts.renewal import Renewed, check_rights

_TELL_EVERY_S: Final = 10.0


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

    @property
    def renewed(self) -> Renewed:
        """For contracts.renewal.Renewal to look at."""
        return Renewed("keys", [self._path], self.read)


class FailedTries:
    """Tells of refused requests in one line every ten seconds at most: whose id was claimed, if it is one of ours, never what was sent."""

    def __init__(self, ring: Callable[[], KeyRing], log: Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._ring, self._log, self._clock = ring, log, clock
        self._untold, self._tell_at = 0, clock()
        self._lock = threading.Lock()

    def tell(self, refused: KeyRefusedError, token: bytes | None, client: str, path: str) -> None:
        """A request of `client` was refused."""
        with self._lock:
            self._untold += 1
            if (now := self._clock()) < self._tell_at:
                return
            tries, self._untold, self._tell_at = self._untold, 0, now + _TELL_EVERY_S
        claimed = named(token or b"")
        self._log.warning(
            "key_refused",
            refused=tries,
            problem=refused.kind,
            client=client,
            path=path[:128],
            key_id=claimed if claimed in self._ring().keys else "",
        )
