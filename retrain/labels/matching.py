"""Which stored frame a picture of a label file is: by the frame's id in its name, which exports keep, or by its content."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from contracts.errors import SettingsError
from contracts.files import sha256
from contracts.frame_store import FrameStore

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
"""A frame's id wherever it stands: tools put their own marks before and behind a name."""
Tick = Callable[[int, int], None]
"""Told how many of how many are done."""


def frame_id_in(picture: str) -> str | None:
    """The frame's id in a picture's name, the last one where there are several; None where there is none."""
    found = _ID.findall(picture.replace("\\", "/").rsplit("/", 1)[-1].lower())
    return found[-1] if found else None


class Pictures:
    """The pictures in a folder, found as label files name them. Nothing outside the folder is ever read, whatever a label file says."""

    def __init__(self, folder: Path) -> None:
        """Raises SettingsError when it is no folder."""
        if not folder.is_dir():
            raise SettingsError(f"--pictures {folder} is no folder")
        self._paths: dict[str, Path] = {}
        self._names: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                self._paths[path.relative_to(folder).as_posix()] = path
                for name in {path.name, path.stem}:
                    self._names.setdefault(name, []).append(path)

    def find(self, picture: str) -> Path | None:
        """The file: at that path below the folder, else the only one of that name, with its ending or without."""
        path = picture.replace("\\", "/").removeprefix("./").lstrip("/")
        if path in self._paths:
            return self._paths[path]
        named = self._names.get(PurePosixPath(path).name, [])
        return named[0] if len(named) == 1 else None


def by_content(pictures: Iterable[str], folder: Pictures, store: FrameStore, model: str, tick: Tick) -> Mapping[str, str]:
    """The frame ids of those pictures whose files in `folder` are stored frames byte by byte; of frames that are alike the earliest.

    Stored frames are read only where a picture has just as many bytes. Raises StoreError, and SettingsError for a picture that cannot be read.
    """
    wanted: dict[str, list[str]] = {}
    sizes = set()
    for picture in pictures:
        if (file := folder.find(picture)) is None:
            continue
        try:
            with file.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            sizes.add(file.stat().st_size)
        except OSError as error:
            raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
        wanted.setdefault(digest, []).append(picture)
    found: dict[str, str] = {}
    alike = [path for path, size in store.frames(model) if size in sizes] if wanted else []
    for done, path in enumerate(alike):
        tick(done, len(alike))
        try:
            digest = sha256(store.read(path))
        except FileNotFoundError:
            continue  # retention came between
        for picture in wanted.get(digest, ()):
            found.setdefault(picture, PurePosixPath(path).stem)
    return found
