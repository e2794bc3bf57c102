"""Small filesystems of their own, so that one service's disk can be full while the machine's is not: tmpfs, in a mount namespace that ends with us."""

import ctypes
import errno
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NEW_MOUNTS: Final = 0x00020000
"""CLONE_NEWNS of unshare(2)."""
_CHUNK: Final = bytes(1 << 16)
_AGAIN_S: Final = 0.02


def own_mounts() -> bool:
    """From now on this process and its children mount for themselves alone. False where that is not permitted: not root, or a container without the right."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_MOUNTS):
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode == 0


class Disk:
    """A folder; with `mounted`, on a filesystem of `size_mib`. Only such a one can be filled."""

    def __init__(self, folder: Path, size_mib: int, mounted: bool) -> None:
        self.folder, self.mounted = folder, mounted
        self._ballast = folder / ".ballast"
        folder.mkdir(parents=True)
        if mounted:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)], check=True)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not one byte more is taken while the body runs: what others give back meanwhile is taken, too."""
        if not self.mounted:
            raise OSError(errno.EPERM, "no filesystem of its own: it would fill the machine's disk")
        over = threading.Event()

        def keep() -> None:
            self._fill()
            while not over.wait(_AGAIN_S):
                self._fill()

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
            self._ballast.unlink(missing_ok=True)

    def _fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for chunk in (_CHUNK, b"\0"):
                try:
                    while file.write(chunk):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def leave(self) -> None:
        """Take the mount away."""
        if self.mounted:
            subprocess.run(["umount", "-l", os.fspath(self.folder)], capture_output=True)
