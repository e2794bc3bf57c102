"""One frame as taken, and what a source of frames can do."""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

CONTENT_TYPES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""What serving takes, by a file's suffix in lower case."""
_SUFFIXES: Final = tuple(CONTENT_TYPES)
Fate = Literal["answered", "refused", "skipped"]
"""What became of a shot. refused: serving will not take this frame, however often it is sent. skipped: a newer one was there."""


@dataclass(frozen=True, slots=True)
class Shot:
    """An encoded frame. `name` says which in its source (a file's name, a frame's number); `captured_at` is in Unix seconds."""

    name: str
    captured_at: float
    content: bytes
    content_type: str = "image/jpeg"


class Source(Protocol):
    """Where shots come from, in order."""

    def take(self) -> Shot | None:
        """The next shot, waited for where the source is live. None at its end, and when the camera is to stop. Raises SourceError."""

    def newer(self) -> Shot | None:
        """A shot newer than the one taken last, if one is there already and newest frames win; the older one is skipped then."""

    def settled(self, shot: Shot, fate: Fate) -> None:
        """`shot` is over, and all before it: it is not sent again."""

    @property
    def total(self) -> int | None:
        """How many shots there are in all; None where nobody knows."""

    @property
    def skipped(self) -> int:
        """Shots left out so far because newer ones were there."""

    @property
    def left_out(self) -> int:
        """Files that could not be read, and were not sent."""

    @property
    def hint(self) -> str:
        """What a person should know when all is over; "" for nothing."""

    def close(self) -> None:
        """Let go of files, devices and threads."""


def is_image(name: str) -> bool:
    """Whether a file's name says that it is an image which serving takes."""
    return name.lower().endswith(_SUFFIXES) and not name.startswith(".")
