"""Which frame a person labels next: those that retrain wants, in its order, without those that were answered here."""

from typing import Final, NamedTuple

from contracts.events import WantedFrame
from contracts.frame_header import Header
from contracts.frame_store import StoredFrame
from monitor.console.places import Places
from monitor.console.view import View

DONE_S: Final = 86_400.0
"""For so long a frame that was answered here is not handed out again, though a list may still name it."""
LOOKS: Final = 20
"""Frames that may be gone from the store, one after another, before the rest is left to the next request."""


class Turn(NamedTuple):
    """A frame to label, and how many of the list are done; `before` and `after` are the frames beside it."""

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

    def left(self, now: float) -> int:
        """Frames that wait for a label."""
        wanted = self._view.wanted()
        return sum(not self._done(frame.frame_id, now) for frame in wanted.frames) if wanted is not None else 0

    def turn(self, now: float, frame_id: str = "", after: str = "") -> Turn | None:
        """The frame `frame_id`, done or not; else the next that is not done, from the one behind `after` on and around. Raises StoreError."""
        listed = self._view.wanted()
        frames = listed.frames if listed is not None else ()
        places = {frame.frame_id: number for number, frame in enumerate(frames)}
        if frame_id in places:
            order = [places[frame_id]]
        else:
            begin = places.get(after, -1) + 1
            order = [number % len(frames) for number in range(begin, begin + len(frames))] if frames else []
            order = [number for number in order if not self._done(frames[number].frame_id, now)]
        for number in order[:LOOKS]:
            if (seen := self._places.seen(self._model, frames[number].frame_id)) is not None:
                done = sum(self._done(frame.frame_id, now) for frame in frames)
                beside = (frames[number - 1].frame_id, frames[(number + 1) % len(frames)].frame_id)
                return Turn(frames[number], *seen, done, len(frames), *beside)
        return None

    def _done(self, frame_id: str, now: float) -> bool:
        said = self._view.said_of(frame_id)
        return said is not None and now - said.at < DONE_S
