"""Which frame a person labels next: those that retrain wants, in its order, without those that were answered here."""

import threading
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from contracts.events import WantedFrame
from contracts.frame_header import Header
from contracts.frame_store import StoredFrame
from monitor.console.places import Places
from monitor.console.view import View

DONE_S: Final = 86_400.0
"""For so long a frame that was answered here is not handed out again, though a list may still name it."""
HANDED_S: Final = 60.0
"""For so long a frame that one person looks at is kept from the others, if there are others to show."""
MOST_HANDED: Final = 500
LOOKS: Final = 20
"""Frames that may be gone from the store, one after another, before the rest is left to the next request."""


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

    def left(self, now: float) -> int:
        """Frames that wait for a label."""
        wanted = self._view.wanted()
        return sum(not self._done(frame.frame_id, now) for frame in wanted.frames) if wanted is not None else 0

    def turn(self, now: float, frame_id: str = "", after: str = "", name: str = "") -> Turn | None:
        """The frame `frame_id`, whatever was said of it; else the next of the list that is not done, from the one behind `after` on and around, those that
        somebody else than `name` looks at last. Raises StoreError.
        """
        listed = self._view.wanted()
        frames = listed.frames if listed is not None else ()
        if frame_id and (seen := self._places.seen(self._model, frame_id)) is not None:
            return self._of(frames, seen, now)
        begin = next((number for number, frame in enumerate(frames) if frame.frame_id == after), -1) + 1
        order = [*frames[begin:], *frames[:begin]]
        left = [frame for frame in order if not self._done(frame.frame_id, now)]
        left.sort(key=lambda frame: self._taken(frame.frame_id, name, now))  # stable: in order otherwise
        for frame in left[:LOOKS]:
            if (seen := self._places.seen(self._model, frame.frame_id)) is not None:
                self._hand(frame.frame_id, name, now)
                return self._of(frames, seen, now)
        return None

    def _taken(self, frame_id: str, name: str, now: float) -> bool:
        whose, at = self._handed.get(frame_id, (name, 0.0))
        return whose != name and now - at < HANDED_S

    def _hand(self, frame_id: str, name: str, now: float) -> None:
        with self._lock:
            self._handed.pop(frame_id, None)
            self._handed[frame_id] = (name, now)
            if len(self._handed) > MOST_HANDED:
                del self._handed[next(iter(self._handed))]

    def _of(self, frames: Sequence[WantedFrame], seen: tuple[StoredFrame, Header], now: float) -> Turn:
        card, size = seen
        ids = [frame.frame_id for frame in frames]
        done = sum(self._done(one, now) for one in ids)
        if card.frame_id not in ids:
            return Turn(WantedFrame(card.frame_id, card.camera, card.path, _why(card)), card, size, done, len(ids), "", "")
        at = ids.index(card.frame_id)
        return Turn(frames[at], card, size, done, len(ids), ids[at - 1], ids[(at + 1) % len(ids)])

    def _done(self, frame_id: str, now: float) -> bool:
        said = self._view.said_of(frame_id)
        return said is not None and now - said.at < DONE_S


def _why(card: StoredFrame) -> Literal["uniform", "uncertain"]:
    """Of a frame that no list names any more: what it was stored for says whether it measures."""
    return "uniform" if card.sample == "uniform" else "uncertain"
