"""The cameras' own books: every frame and label that was sent, each try of it, and what was heard. The only witness that no server can flatter."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

import msgspec

LOST = 0
"""In place of a status: the connection ended, or nothing was heard in time."""
NOT_TAKEN = -1
"""In place of a status: nobody took the connection, so nothing was sent."""
Fate = Literal["accepted", "unknown", "refused"]


class Attempt(msgspec.Struct, frozen=True):
    """One try: at which server (and in which of its lives, from 1), when (Unix seconds), how long until it was decided, and what was heard."""

    server: str
    life: int
    at: float
    took_s: float
    status: int
    problem: str = ""
    """The last part of the problem's type."""
    why: str = ""
    """Of a lost one."""


class Heard(msgspec.Struct, frozen=True):
    """What the 200 said."""

    frame_id: str
    camera: str
    version: str
    label: str
    sample: str | None = None


class Sent(msgspec.Struct):
    """A frame. `frame_id` is the id that its event must bear, "" where the server makes it; `kind` is `photograph` or the kind of garbage."""

    camera: str
    kind: str
    due_at: float
    frame_id: str = ""
    attempts: list[Attempt] = []
    heard: Heard | None = None

    @property
    def fate(self) -> Fate:
        """Accepted: a 200 was heard. Unknown: it was not, and for one try at least nothing was. Refused: every try was turned away."""
        if self.heard is not None:
            return "accepted"
        return "unknown" if any(one.status == LOST for one in self.attempts) else "refused"

    @property
    def took_s(self) -> float:
        """From when it was due to when it was decided, all tries included."""
        last = self.attempts[-1]
        return last.at + last.took_s - self.due_at


class Posted(msgspec.Struct):
    """A label. `event_id` of the one that was accepted."""

    frame_id: str
    label: str
    attempt: Attempt | None = None
    event_id: str = ""


class Book:
    """All of them, in the order in which they were due. One thread writes, others may read what is there."""

    def __init__(self) -> None:
        self.frames: list[Sent] = []
        self.labels: list[Posted] = []

    def accepted(self) -> dict[str, Heard]:
        """The frames that were answered 200, by their ids."""
        return {sent.heard.frame_id: sent.heard for sent in self.frames if sent.heard is not None}

    def of_fate(self, fate: Fate) -> list[Sent]:
        """The frames that ended so."""
        return [sent for sent in self.frames if sent.fate == fate]


def lost(frames: Iterable[Sent]) -> list[Attempt]:
    """The tries of these frames of which nothing was heard."""
    return [attempt for sent in frames for attempt in sent.attempts if attempt.status == LOST]


def heard_from(book: Book, server: str, life: int) -> Counter[str]:
    """What a life of a server told: frames `answered`, and the problem of each refusal, of labels too."""
    frames = [attempt for sent in book.frames for attempt in sent.attempts]
    labels = [posted.attempt for posted in book.labels if posted.attempt is not None and posted.attempt.problem]
    return Counter(
        one.problem or "answered" for one in (*frames, *labels) if (one.server, one.life) == (server, life) and one.status > 0
    )
