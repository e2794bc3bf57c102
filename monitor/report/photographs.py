"""The photographs of a report: what the incident's cameras show since it began, beside what they showed before, small and as JPEG."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final, NamedTuple

import cv2
import numpy as np

from contracts import frames
from contracts.errors import FrameError, StoreError
from contracts.frame_store import FrameStore, StoredFrame
from contracts.incidents import Incident

MOST: Final = 6
"""Of each side, the newest."""
SIDE: Final = 320
"""Pixels of the longer edge at most: twelve photographs are some 300 kB then, whatever the cameras send."""
_QUALITY: Final = 85


class Photograph(NamedTuple):
    """One frame. `taken_at` is in Unix seconds."""

    camera: str
    taken_at: float
    jpeg: bytes


class Photographs(NamedTuple):
    """Both sides, oldest first."""

    before: tuple[Photograph, ...] = ()
    since: tuple[Photograph, ...] = ()


def photographs(store: FrameStore, model: str, incident: Incident) -> tuple[Photographs, list[str]]:
    """The frames that the incident names, as far as the store still has them, and what was left out, in words. Never raises for want of a frame."""
    shown = Shown(store, model)
    before = shown.of(incident.reference_examples, float("-inf"), incident.since)
    since = shown.of(incident.examples, incident.since, float("inf"))
    notes = []
    if shown.gone:
        notes.append(f"{shown.gone} of the example photographs are not in the frame store any more")
    if shown.unreadable:
        notes.append(f"{shown.unreadable} of the example photographs cannot be read: {shown.reason}")
    return Photographs(before, since), notes


class Shown:
    """Reads photographs from a store, and counts those that are not there."""

    def __init__(self, store: FrameStore, model: str) -> None:
        self._store = store
        self._model = model
        self.gone = self.unreadable = 0
        self.reason = ""

    def of(self, paths: Iterable[str], first: float, end: float) -> tuple[Photograph, ...]:
        """The newest of these that were taken from `first` until before `end` (Unix seconds)."""
        found: list[Photograph] = []
        for path in sorted(paths, key=lambda path: PurePosixPath(path).stem, reverse=True):  # an id begins with its time
            if len(found) < MOST and (one := self._one(path, first, end)) is not None:
                found.append(one)
        return tuple(reversed(found))

    def _one(self, path: str, first: float, end: float) -> Photograph | None:
        try:
            card = self._store.card(self._model, PurePosixPath(path).stem)
            if card is None:
                self.gone += 1
                return None
            return self._small(card) if first <= card.captured_at < end else None
        except FileNotFoundError:
            self.gone += 1
        except (StoreError, FrameError) as error:
            self.unreadable, self.reason = self.unreadable + 1, str(error)
        return None

    def _small(self, card: StoredFrame) -> Photograph:
        return Photograph(card.camera, card.captured_at, small(self._store.read(card.path)))


def small(content: bytes) -> bytes:
    """A frame as a JPEG of at most SIDE pixels. Raises FrameError."""
    image = frames.decode(content)
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
