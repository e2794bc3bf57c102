"""Which frame a person labels next: those that retrain wants, in its order, without those that were answered here."""

import threading
from typing import Final, Literal, NamedTuple, TypeVar

from contracts.errors import StoreError
from contracts.events import LabelsWanted, WantedFrame
from contracts.frame_header import Header
from contracts.frame_store import StoredFrame
from monitor.console.places import Places
from monitor.console.view import View

DONE_S: Final = 86_400.0
"""For so long a frame that was answered here is not handed out again, though a list may still name it."""
HANDED_S: Final = 60.0
"""For so long a frame that one person looks at is kept from the others, if there are others to show."""
MOST_HANDED: Final = 500
V = TypeVar("V")
LOOKS: Final = 20
"""Frames that may be gone from the store, one after another, before the rest is left to the next request."""
LATE_S: Final = 60.0
"""A list that is newer by this than what was said here knows of it: a label that it doubts is asked for again."""


class Turn(NamedTuple):
    """A frame to label, and how many of the list are done; `before` and `after` are the frames beside it ("" for one that is not in the list)."""

    wanted: WantedFrame
    card: StoredFrame
    size: Header
    done: int
    total: int
    before: str
    after: str


class Queue:
    """The list of one model as it stands at `now` (Unix seconds)."""

    def __init__(self, view: View, places: Places, model: str) -> None:
        self._view, self._places, self._model = view, places, model
        self._lock = threading.Lock()
        self._handed: dict[str, tuple[str, float]] = {}
        """To whom a frame was shown last, and when."""
        self._gone: dict[str, None] = {}
        """Frames that could not be shown: they come last, so that they stand in no other's way."""

    def left(self, now: float) -> int:
        """Frames that wait for a label."""
        listed = self._view.wanted()
        return sum(not self._done(frame, listed, now) for frame in listed.frames) if listed is not None else 0

    def turn(self, now: float, frame_id: str = "", after: str = "", name: str = "") -> Turn | None:
        """The frame `frame_id`, whatever was said of it; else the next of the list that is not done, from the one behind `after` on and around, those that
        somebody else than `name` looks at last. Raises StoreError.
        """
        listed = self._view.wanted()
        frames = listed.frames if listed is not None else ()
        if frame_id and (seen := self._places.seen(self._model, frame_id)) is not None:
            return self._of(listed, seen, now)
        begin = next((number for number, frame in enumerate(frames) if frame.frame_id == after), -1) + 1
        order = [*frames[begin:], *frames[:begin]]
        left = [frame for frame in order if listed is not None and not self._done(frame, listed, now)]
        left.sort(key=lambda one: (one.frame_id in self._gone, self._taken(one.frame_id, name, now)))  # stable: in order otherwise
        for frame in left[:LOOKS]:
            if (seen := self._seen(frame.frame_id)) is not None:
                self._remember(self._handed, frame.frame_id, (name, now))
                return self._of(listed, seen, now)
        return None

    def _seen(self, frame_id: str) -> tuple[StoredFrame, Header] | None:
        """The frame; one that cannot be shown, or whose card cannot be read, comes last from now on. Raises StoreError."""
        try:
            seen = self._places.seen(self._model, frame_id)
        except StoreError:
            self._remember(self._gone, frame_id, None)
            raise
        if seen is None:
            self._remember(self._gone, frame_id, None)
        else:
            self._gone.pop(frame_id, None)
        return seen

    def _taken(self, frame_id: str, name: str, now: float) -> bool:
        whose, at = self._handed.get(frame_id, (name, 0.0))
        return whose != name and now - at < HANDED_S

    def _remember(self, known: dict[str, V], frame_id: str, value: V) -> None:
        with self._lock:
            known.pop(frame_id, None)
            known[frame_id] = value
            if len(known) > MOST_HANDED:
                del known[next(iter(known))]

    def _of(self, listed: LabelsWanted | None, seen: tuple[StoredFrame, Header], now: float) -> Turn:
        card, size = seen
        frames = listed.frames if listed is not None else ()
        ids = [frame.frame_id for frame in frames]
        done = sum(self._done(one, listed, now) for one in frames) if listed is not None else 0
        if card.frame_id not in ids:
            return Turn(WantedFrame(card.frame_id, card.camera, card.path, _why(card)), card, size, done, len(ids), "", "")
        at = ids.index(card.frame_id)
        return Turn(frames[at], card, size, done, len(ids), ids[at - 1], ids[(at + 1) % len(ids)])

    def _done(self, frame: WantedFrame, listed: LabelsWanted, now: float) -> bool:
        said = self._view.said.of(frame.frame_id)
        if said is None:
            return False
        return said.at > listed.occurred_at - LATE_S if frame.why == "suspect" else now - said.at < DONE_S


def _why(card: StoredFrame) -> Literal["uniform", "uncertain"]:
    """Of a frame that no list names any more: what it was stored for says whether it measures."""
    return "uniform" if card.sample == "uniform" else "uncertain"
