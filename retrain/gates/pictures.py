"""Pictures of a verdict's page: frames made small, as JPEG, until what a page may weigh is used up."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np

from contracts.errors import FrameError, StoreError
from contracts.frames import decode
from retrain.gates.changed import Outline

SIDE: Final = 200
"""Pixels of the longer edge at most: some 8 kB."""
_QUALITY: Final = 80
MOST_BYTES: Final = 1_400_000
"""Of all pictures of a page as text: with it the page stays under 2 MB."""

COLOURS: Final = {"truth": (255, 255, 255), "before": (232, 93, 31), "after": (20, 160, 190)}
"""White, rust and teal: apart for colour-blind eyes."""
_ORDER: Final = ("truth", "before", "after")


class Album:
    """The pictures of one page. `read` gives the encoded frame of a dataset's row; each is read once, however often it is shown."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._left = MOST_BYTES
        self._known: dict[tuple[int, tuple[Outline, ...]], str] = {}
        self.unreadable = self.left_out = 0

    def source(self, row: int, outlines: tuple[Outline, ...] = ()) -> str:
        """A data URL; "" for a frame that cannot be read, or where the page is full. Never raises for want of a frame."""
        if (row, outlines) not in self._known:
            self._known[row, outlines] = self._made(row, outlines)
        url = self._known[row, outlines]
        if len(url) > self._left:
            self.left_out += 1
            return ""
        self._left -= len(url)
        return url

    def _made(self, row: int, outlines: tuple[Outline, ...]) -> str:
        try:
            return f"data:image/jpeg;base64,{b64encode(small(self._read(row), outlines)).decode()}"
        except (StoreError, FrameError):
            self.unreadable += 1
            return ""


def small(content: bytes, outlines: Sequence[Outline] = ()) -> bytes:
    """An encoded frame as a JPEG of SIDE pixels at most, with boxes drawn on it. Raises FrameError."""
    image = decode(content)
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    if scale < 1:
        image = np.asarray(
            cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA), np.uint8
        )
    image = image.copy()
    for one in sorted(outlines, key=lambda one: _ORDER.index(one.of)):
        corners = [round(scale * edge) for edge in (one.x1, one.y1, one.x2, one.y2)]
        cv2.rectangle(image, (corners[0], corners[1]), (corners[2], corners[3]), COLOURS[one.of], 2 if one.of == "truth" else 1)
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
