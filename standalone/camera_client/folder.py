"""Frames from a folder of images, in the order of their names (numbers by value: frame-2 before frame-10): once, for ever, or as they come."""

import heapq
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from standalone.camera_client.capture_time import exif_time
from standalone.camera_client.clock import Clock
from standalone.camera_client.cursor import Cursor
from standalone.camera_client.errors import SourceError
from standalone.camera_client.shot import CONTENT_TYPES, Fate, Shot, is_image

LISTED: Final = 10_000
"""Names held at once; a larger folder is listed again."""
LOOK_S: Final = 0.5
"""A followed folder is looked at this often."""
QUIET_S: Final = 1.0
"""A file of a followed folder that was written to within this time may still grow, and those after it wait for their turn."""
MAX_FILE_BYTES: Final = 64 << 20
_NUMBERS: Final = re.compile(r"([0-9]+)")
CapturedAt = Literal["source", "now"]


@dataclass(frozen=True, slots=True)
class Ways:
    """How a folder is gone through. `newest`: of several that wait only the last is sent. `done`: where files that are over are moved."""

    follow: bool = False
    newest: bool = False
    loop: bool = False
    done: Path | None = None
    captured_at: CapturedAt = "now"


class Folder:
    """A Source. `path` is a folder or one image; `say` is told of each file that cannot be read. Raises SourceError when there is nothing to send."""

    hint = ""

    def __init__(self, path: Path, ways: Ways, clock: Clock, say: Callable[[str], None], cursor: Cursor | None = None) -> None:
        self.skipped = self.left_out = 0
        self._only = path.name if path.is_file() else None
        self._folder = path.parent if self._only else path
        self._ways, self._clock, self._say, self._cursor = ways, clock, say, cursor
        self._after = cursor.after if cursor else ""
        self._under_way = ""
        self._taken = 0
        self._waiting: deque[str] = deque()
        if ways.done:
            _make(ways.done)
        if not ways.follow and next(self._images(), None) is None:
            raise SourceError(f"no JPEG, PNG or WebP files in {path} (folders inside it are not looked into)")

    @property
    def total(self) -> int | None:
        """Files that are still to be sent; None when they come without end."""
        return None if self._ways.follow or self._ways.loop else sum(map(self._is_due, self._images()))

    def take(self) -> Shot | None:
        """The next file; waits for one in a followed folder, goes round in a looped one."""
        while not self._clock.stopping:
            if (shot := self._next()) is not None:
                return shot
            if self._ways.loop and self._taken:
                self._after, self._taken = "", 0
            elif not self._ways.follow or self._clock.wait(LOOK_S):
                return None
        return None

    def newer(self) -> Shot | None:
        """The newest file that came since, where newest frames win."""
        return self._next() if self._ways.newest else None

    def settled(self, shot: Shot, fate: Fate) -> None:
        """Remember that a file is over, and move it to where such files go. Raises SourceError when it cannot be moved."""
        self._settle(shot.name, fate)
        self._under_way = ""

    def close(self) -> None:
        """Nothing is held open."""

    def _next(self) -> Shot | None:
        while name := self._next_name():
            self._after = name
            if (shot := self._shot(name)) is not None:
                self._taken += 1
                self._under_way = name
                return shot
            self.left_out += 1
            self._settle(name, "refused")
        return None

    def _next_name(self) -> str | None:
        if not self._waiting:
            self._waiting.extend(self._listed())
        while self._ways.newest and len(self._waiting) > 1:
            name = self._waiting.popleft()
            self._settle(name, "skipped")
            if len(self._waiting) == 1:
                self._after = name
                self._waiting = deque(self._listed()) or self._waiting  # more may have come, or there were more than LISTED
        return self._waiting.popleft() if self._waiting else None

    def _listed(self) -> list[str]:
        """The next names that may be sent, in order."""
        names = heapq.nsmallest(LISTED, filter(self._is_due, self._images()), key=in_order)
        if not self._ways.follow:
            return names
        growing = next((number for number, name in enumerate(names) if self._may_grow(name)), len(names))
        return names[:growing]

    def _images(self) -> Iterator[str]:
        if self._only:
            yield self._only
            return
        try:
            with os.scandir(self._folder) as entries:
                yield from (entry.name for entry in entries if is_image(entry.name) and entry.is_file())
        except OSError as error:
            raise SourceError(f"the folder {self._folder} cannot be read: {error.strerror}") from None

    def _is_due(self, name: str) -> bool:
        """Where files are moved away: what is still here and not under way. Otherwise what stands after the last one."""
        if self._ways.done:
            return name != self._under_way
        return not self._after or in_order(name) > in_order(self._after)

    def _may_grow(self, name: str) -> bool:
        try:
            return 0 <= self._clock.now() - (self._folder / name).stat().st_mtime < QUIET_S
        except OSError:
            return False

    def _shot(self, name: str) -> Shot | None:
        path = self._folder / name
        try:
            size, written_at = path.stat().st_size, path.stat().st_mtime
            if size > MAX_FILE_BYTES:
                self._say(f"{path} has {size} bytes; files beyond {MAX_FILE_BYTES} are not sent")
                return None
            content = path.read_bytes()
        except OSError as error:
            self._say(f"{path} cannot be read: {error.strerror}")
            return None
        captured_at = (exif_time(content) or written_at) if self._ways.captured_at == "source" else self._clock.now()
        return Shot(name, captured_at, content, CONTENT_TYPES[path.suffix.lower()])

    def _settle(self, name: str, fate: Fate) -> None:
        self.skipped += fate == "skipped"
        if self._ways.done:
            _move(self._folder / name, self._ways.done if fate == "answered" else self._ways.done / fate)
        if self._cursor:
            self._cursor.advance(name)


def in_order(name: str) -> tuple[list[str | int], str]:
    """What names are sorted by: text as text, digits as numbers."""
    return [int(part) if number % 2 else part for number, part in enumerate(_NUMBERS.split(name))], name


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"--done-folder {folder} cannot be made: {error.strerror}") from None


def _move(path: Path, folder: Path) -> None:
    """Move a file, under another name when its own is taken: what was sent before stays."""
    target = folder / path.name
    try:
        folder.mkdir(exist_ok=True)
        if target.exists():
            target = folder / f"{path.stem}.{path.stat().st_mtime_ns}{path.suffix}"
        path.rename(target)
    except FileNotFoundError:
        return  # somebody else cleared it away
    except OSError as error:
        raise SourceError(
            f"{path} cannot be moved to {folder}: {error.strerror}. It must be on the same disk, and both folders writable"
        ) from None
