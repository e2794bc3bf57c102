"""Puts sampled frames into the frame store on a thread of its own, and knows the cards of those that are still on their way.

A camera that heard `sample: "uniform"` may post the label at once: the card is findable from before the answer on. When the store is too slow for what
is sampled, frames are answered without being sampled rather than held in memory without bound.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from contracts.errors import StoreError
from contracts.frame_store import FrameStore, StoredFrame
from contracts.logs import Logger
from serving.telemetry.instruments import Instruments

_MAX_WAITING_BYTES: Final = 64 << 20
_RECENT_CARDS: Final = 4096
"""Cards of about 1 KB that are answered from memory."""
_PRUNE_EVERY_S: Final = 300.0
_DAY_S: Final = 86_400.0


class Keeper:
    """`clock` gives Unix seconds. Retention is looked at every five minutes, on the same thread."""

    def __init__(
        self,
        store: FrameStore,
        model: str,
        max_bytes: int,
        max_days: float,
        instruments: Instruments,
        log: Logger,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._model, self._max_bytes, self._max_days = store, model, max_bytes, max_days
        self._instruments, self._log, self._clock = instruments, log, clock
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, tuple[StoredFrame, bytes]] = OrderedDict()
        self._waiting_bytes = 0
        self._recent: OrderedDict[str, StoredFrame] = OrderedDict()
        self._closed = self._failing = False
        self._prune_at = clock()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def has_room(self, size: int) -> bool:
        """Whether a frame of `size` bytes can be kept now."""
        return self._waiting_bytes + size <= _MAX_WAITING_BYTES

    def keep(self, card: StoredFrame, content: bytes) -> None:
        """Store a frame soon; of a frame kept twice the later card stands."""
        with self._changed:
            if card.frame_id not in self._waiting:
                self._waiting_bytes += len(content)
            if card.frame_id not in self._recent:
                self._instruments.sampled.labels(card.sample).inc()
            self._waiting[card.frame_id] = card, content
            self._recent[card.frame_id] = card
            while len(self._recent) > _RECENT_CARDS and next(iter(self._recent)) not in self._waiting:
                self._recent.popitem(last=False)
            self._changed.notify_all()

    def card(self, frame_id: str) -> StoredFrame | None:
        """What is known of a sampled frame; None when it was not sampled or is gone. Raises StoreError."""
        with self._changed:
            if (card := self._recent.get(frame_id)) is not None:
                return card
        return self._store.card(self._model, frame_id)

    def stop(self, timeout_s: float) -> int:
        """Write what waits, for up to `timeout_s`. Returns how many frames were left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed, max(0.0, self._prune_at - self._clock()) + 0.1)
                if not self._waiting and self._closed:
                    return
                card, content = self._waiting.popitem(last=False)[1] if self._waiting else (None, b"")
                self._waiting_bytes -= len(content)
            if card:
                self._put(card, content)
            if self._clock() >= self._prune_at:
                self._prune()

    def _put(self, card: StoredFrame, content: bytes) -> None:
        try:
            self._store.put(card, content)
            self._failing = False
        except (StoreError, OSError) as error:
            with self._changed:
                if card.frame_id not in self._waiting:
                    self._recent.pop(card.frame_id, None)
            self._instruments.store_failures.inc()
            if not self._failing:
                self._failing = True
                consequence = "frames are answered; their samples are lost until the store answers"
                self._log.error("frame_not_stored", error=str(error), consequence=consequence)

    def _prune(self) -> None:
        now = self._clock()
        self._prune_at = now + _PRUNE_EVERY_S
        try:
            freed = self._store.prune(self._model, self._max_bytes, now - self._max_days * _DAY_S)
        except (StoreError, OSError) as error:
            self._log.warning("frame_store_not_pruned", error=str(error))
            return
        if freed:
            self._log.info("frame_store_pruned", freed_bytes=freed)
