"""Small truths about files: digests, atomic replacement and exclusive creation, on a folder or any fsspec file system."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
            # Object stores would answer `exists` from a listing made earlier, and never see what another process wrote since.
            self._fs, self._root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ValueError, ImportError) as error:
            raise StoreError(
                f"{url!r} is no folder we can open: {error}. Use a path, or s3:// or gs:// with its fsspec package installed"
            ) from error
        self._local = Path(self._root) if "file" in _protocols(self._fs) else None

    def read(self, path: str) -> bytes:
        """The content of a file."""
        with self._told(path, "read"):
            content: bytes = self._fs.cat_file(f"{self._root}/{path}")
        return content

    def write(self, path: str, content: bytes, durable: bool = True) -> None:
        """Create or replace a file; a reader sees the old content or the new, never a part.

        Without `durable` a local write may be lost in a power cut; a crash of the process never loses it.
        """
        with self._told(path, "written"):
            if self._local is None:
                self._fs.pipe_file(f"{self._root}/{path}", content)
            else:
                with _unfinished(self._local / path, content, durable) as unfinished:
                    unfinished.replace(self._local / path)

    def create(self, path: str, content: bytes) -> bool:
        """Create a file whole; False, and nothing written, when it exists: of several writers exactly one wins."""
        try:
            with self._told(path, "created"):
                if self._local is None:
                    self._fs.pipe_file(f"{self._root}/{path}", content, mode="create")
                else:
                    with _unfinished(self._local / path, content) as unfinished:
                        os.link(unfinished, self._local / path)
        except FileExistsError:
            return False
        except StoreError:
            if self._local is None and self.exists(path):  # S3 answers a lost race with "precondition failed"
                return False
            raise
        return True

    def exists(self, path: str) -> bool:
        """Whether a file is there."""
        with self._told(path, "looked up"):
            return bool(self._fs.exists(f"{self._root}/{path}"))

    def names(self, path: str = "") -> list[str]:
        """The names of the files and folders directly in a folder, sorted; [] when it is missing. Unfinished writes are left out."""
        return list(self.sizes(path))

    def sizes(self, path: str = "") -> dict[str, int]:
        """The names as in `names`, sorted, each with its size in bytes (0 for a folder), from one listing."""
        where = f"{self._root}/{path}".rstrip("/")
        try:
            with self._told(path, "listed"):
                if self._local is not None:
                    found = _scanned(Path(where))
                else:
                    found = {entry["name"].rstrip("/"): int(entry["size"] or 0) for entry in self._fs.ls(where, detail=True)}
        except FileNotFoundError:
            return {}
        own = where.strip("/")  # an object store may list the folder's own marker
        names = {name.rsplit("/", 1)[-1]: size for name, size in found.items() if name.strip("/") != own}
        return {name: names[name] for name in sorted(names) if name and not name.startswith(".")}

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder; a missing one is none to remove."""
        with suppress(FileNotFoundError), self._told(path, "removed"):
            self._fs.rm(f"{self._root}/{path}", recursive=True)

    @contextmanager
    def _told(self, path: str, what: str) -> Iterator[None]:
        """Errors of the file system in our words. All of them: the clients of object stores raise their own, which share no base."""
        try:
            yield
        except FileExistsError as error:
            if what == "created":
                raise
            raise StoreError(f"{self.url}/{path} cannot be {what}: {error!r}") from error
        except (FileNotFoundError, NotADirectoryError) as error:
            if what in ("written", "created"):  # no such bucket, or a file where a folder should be
                raise StoreError(f"{self.url}/{path} cannot be {what}: {error!r}") from error
            raise FileNotFoundError(f"{self.url}/{path}") from None
        except Exception as error:
            raise StoreError(f"{self.url}/{path} cannot be {what}: {error!r}") from error


@contextmanager
def _unfinished(path: Path, content: bytes, durable: bool = True) -> Iterator[Path]:
    """`content` in a hidden file beside `path`, on the disk; gone afterwards. A crash leaves it hidden."""
    if not path.parent.is_dir():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise NotADirectoryError(*error.args) from error
    unfinished = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _scanned(folder: Path) -> dict[str, int]:
    sizes = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # removed meanwhile
                sizes[entry.name] = entry.stat().st_size if entry.is_file() else 0
    return sizes


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
