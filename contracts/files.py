"""Small truths about files: digests, atomic replacement and exclusive creation, on a folder or any fsspec file system."""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import fsspec

from contracts.errors import StoreError


def sha256(content: bytes) -> str:
    """The SHA-256 digest in hex."""
    return hashlib.sha256(content).hexdigest()


class Folder:
    """A folder on a file system, `path`, `s3://bucket/prefix` or `gs://...`: whole files in, whole files out.

    Methods take paths relative to it. They raise StoreError, with the path, when the file system fails; FileNotFoundError when a file is missing.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._fs: Any
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise StoreError(
                f"{url!r} is no folder we can open: {error}. Use a path, or s3:// or gs:// with its fsspec package installed"
            ) from error
        self._local = Path(self._root) if "file" in _protocols(self._fs) else None

    def read(self, path: str) -> bytes:
        """The content of a file."""
        try:
            content: bytes = self._fs.cat_file(f"{self._root}/{path}")
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(f"{self.url}/{path}") from None
        except OSError as error:
            raise StoreError(f"{self.url}/{path} cannot be read: {error}") from error
        return content

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a file; a reader sees the old content or the new, never a part."""
        try:
            if self._local is None:
                self._fs.pipe_file(f"{self._root}/{path}", content)
            else:
                self._replace(self._local / path, content)
        except OSError as error:
            raise StoreError(f"{self.url}/{path} cannot be written: {error}") from error

    def create(self, path: str, content: bytes) -> bool:
        """Create a file whole; False, and nothing written, when it exists: of several writers exactly one wins."""
        try:
            if self._local is None:
                with self._fs.open(f"{self._root}/{path}", "xb") as file:
                    file.write(content)
            else:
                self._link(self._local / path, content)
        except FileExistsError:
            return False
        except OSError as error:
            raise StoreError(f"{self.url}/{path} cannot be created: {error}") from error
        return True

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        return bool(self._fs.exists(f"{self._root}/{path}"))

    def names(self, path: str = "") -> list[str]:
        """The names of the files and folders directly in a folder, sorted; [] when it is missing. Unfinished writes are left out."""
        where = f"{self._root}/{path}".rstrip("/")
        try:
            found = self._fs.ls(where, detail=False, refresh=True) if self._local is None else list(Path(where).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(f"{self.url}/{path} cannot be listed: {error}") from error
        names = (str(name).rstrip("/").rsplit("/", 1)[-1] for name in found)
        return sorted(name for name in names if name and not name.startswith(".") and name != where.rsplit("/", 1)[-1])

    def size(self, path: str) -> int:
        """A file's size in bytes."""
        return int(self._fs.size(f"{self._root}/{path}"))

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder; a missing one is none to remove."""
        try:
            self._fs.rm(f"{self._root}/{path}", recursive=True)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self.url}/{path} cannot be removed: {error}") from error

    def _replace(self, path: Path, content: bytes) -> None:
        unfinished = _unfinished(path, content)
        unfinished.replace(path)

    def _link(self, path: Path, content: bytes) -> None:
        unfinished = _unfinished(path, content)
        try:
            os.link(unfinished, path)
        finally:
            unfinished.unlink()


def _unfinished(path: Path, content: bytes) -> Path:
    """`content` in a hidden file beside `path`, on the disk: a crash leaves it hidden."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return unfinished


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
