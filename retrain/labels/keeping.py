"""Copies labelled frames to where retention does not go, with their cards: a label may wait for weeks until its job trains, and a frame that is gone by then
teaches nothing, nor can anybody look at its label again.

Some at each tick, outside of the transaction: a store may be slow. What was copied is entered in the next transaction, and copied once more, to the same
place, where the process ends in between.
"""

from collections.abc import Callable, Sequence
from typing import Final

from contracts.errors import StoreError
from contracts.frame_store import FrameStore, kept_path
from contracts.logs import Logger
from retrain.labels.book import Labels

AT_ONCE: Final = 20
MOST_S: Final = 0.25
"""A store that takes longer for them gets fewer: the turn waits."""
AGAIN_S: Final = 60.0
"""After a copy that failed: a full disk is not written to every second. The frame behind the one that failed comes first then."""


class Keeping:
    """`monotonic` gives seconds."""

    def __init__(self, labels: Labels, store: FrameStore, model: str, log: Logger, monotonic: Callable[[], float]) -> None:
        self._labels, self._store, self._model = labels, store, model
        self._log, self._monotonic = log, monotonic
        self._done: list[tuple[str, str]] = []
        self._after = ""
        self._resting_until = float("-inf")

    def copy(self) -> None:
        """Copy some. A store that fails is told of and left alone for a while; the labels wait, and nothing is lost."""
        began, self._done = self._monotonic(), []  # what was not entered, because a turn failed, is copied once more
        if began < self._resting_until:
            return
        waiting = self._labels.unkept(self._after, AT_ONCE)
        if self._copied(waiting, began) and len(waiting) < AT_ONCE:
            self._after = ""
        gone = [path for (_, path), (_, kept) in zip(waiting, self._done, strict=False) if not kept]
        if gone:
            self._log.warning(
                "labelled_frames_gone",
                frames=len(gone),
                first=gone[0],
                why="retention took them before they were kept: they cannot be trained on",
            )

    def _copied(self, waiting: Sequence[tuple[str, str]], began: float) -> bool:
        """Whether all were looked at."""
        for frame_id, path in waiting:
            if self._monotonic() - began > MOST_S:
                return False
            try:
                kept = kept_path(self._model, self._store.keep(self._model, self._store.read(path), durable=True))
                self._store.keep_card(self._model, frame_id, kept)
            except FileNotFoundError:
                kept = ""
            except StoreError as error:
                self._log.error("labelled_frame_not_kept", frame=frame_id, why=str(error), again_in_s=AGAIN_S)
                self._resting_until = self._monotonic() + AGAIN_S
                self._after = frame_id
                return False
            self._done.append((frame_id, kept))
        return True

    def enter(self) -> None:
        """Inside the next transaction: where the frames lie that were copied. Entering them twice changes nothing."""
        for frame_id, path in self._done:
            self._labels.kept(frame_id, path)
