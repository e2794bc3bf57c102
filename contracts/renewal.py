"""Takes up files that a person or a secret store replaces while a service runs: keys, certificates.

A file is read again only when it has stood still between two looks, so that one that is being written is waited for; one that cannot be used leaves
what was there in service, and is said once.
"""

import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from contracts.errors import KeepsightError, SettingsError
from contracts.logs import Logger

_LOOK_EVERY_S: Final = 0.5
Count = Callable[[str, str], None]
"""Counts what was read again by its outcome, `taken` or `refused`."""
Signature = tuple[tuple[int, int, int, int] | None, ...]


def signature(paths: Sequence[Path]) -> Signature:
    """What changes when a file is written, replaced or given other rights: inode, mode, size and time; None for a file that is not there."""
    found: list[tuple[int, int, int, int] | None] = []
    for path in paths:
        try:
            of = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((of.st_ino, of.st_mode, of.st_size, of.st_mtime_ns))
    return tuple(found)


def check_rights(paths: Sequence[Path]) -> None:
    """Refuse files that anyone on this machine may write: he would decide who is let in. Raises SettingsError, and OSError where one is missing."""
    for path in paths:
        if path.stat().st_mode & stat.S_IWOTH:
            raise SettingsError(f"{path} may be written by anyone on this machine: take that right away (chmod o-w {path})")


@dataclass(slots=True)
class Renewed:
    """Files that are used as `what`; `take` reads them anew and raises KeepsightError when they cannot be used."""

    what: str
    paths: Sequence[Path]
    take: Callable[[], None]
    _taken: Signature = field(init=False)
    _seen: Signature = field(init=False)

    def __post_init__(self) -> None:
        self._taken = self._seen = signature(self.paths)

    def look(self) -> bool:
        """Take up what changed and has settled; True when it was taken. Raises KeepsightError, once for each state of the files."""
        now = signature(self.paths)
        settled, self._seen = now == self._seen, now
        if not settled or now == self._taken:
            return False
        self._taken = now
        self.take()
        return True


class Renewal:
    """Looks at files twice a second, on a thread of its own."""

    def __init__(self, files: Sequence[Renewed], count: Count, log: Logger) -> None:
        self._files, self._count, self._log = files, count, log
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def start(self) -> None:
        """Begin, if there is anything to look at."""
        if self._files:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """One look at all."""
        for one in self._files:
            try:
                if one.look():
                    self._count(one.what, "taken")
                    self._log.info("renewed", what=one.what)
            except KeepsightError as error:
                self._count(one.what, "refused")
                self._log.error("not_renewed", what=one.what, error=str(error), consequence="the earlier ones stay in service")

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            self.look()
