"""Pictures of a verdict's page: frames made small, as JPEG, until what a page may weigh is used up."""

from base64 import b64encode
from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from contracts.errors import FrameError, StoreError
from contracts.frames import decode

SIDE: Final = 200
"""Pixels of the longer edge at most: some 8 kB."""
_QUALITY: Final = 80
MOST_BYTES: Final = 1_400_000
"""Of all pictures of a page as text: with it the page stays under 2 MB."""


class Album:
    """The pictures of one page. `read` gives the encoded frame of a dataset's row; each is read once, however often it is shown."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._left = MOST_BYTES
        self._known: dict[int, str] = {}
        self.unreadable = self.left_out = 0

    def source(self, row: int) -> str:
        """A data URL; "" for a frame that cannot be read, or where the page is full. Never raises for want of a frame."""
        if row not in self._known:
            self._known[row] = self._made(row)
        url = self._known[row]
        if len(url) > self._left:
            self.left_out += 1
            return ""
        self._left -= len(url)
        return url

    def _made(self, row: int) -> str:
        try:
            return f"data:image/jpeg;base64,{b64encode(small(self._read(row))).decode()}"
        except (StoreError, FrameError):
            self.unreadable += 1
            return ""


def small(content: bytes) -> bytes:
    """An encoded frame as a JPEG of SIDE pixels at most. Raises FrameError."""
    image = decode(content)
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    if scale < 1:
        image = np.asarray(
            cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA), np.uint8
        )
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()
