"""Large frames: which they are, and how many workers may be at them at one time.

What is not decoded row by row costs up to 9 bytes and 20 nanoseconds a pixel (measured: PNG, WebP, progressive JPEG). A few such frames at the same moment
would take the memory of all others and every worker, so they are decoded one by one where they are large, and what is small passes them by.
"""

from collections.abc import Callable
from typing import Final

from contracts.frames import Header

LARGE_PIXELS: Final = 2_100_000
"""More than Full HD: 40 ms of a worker, 19 MB."""
PIXELS_A_WORKER: Final = 5_100_000
"""In hand at one time, of large frames: the common sensor of lossless cameras (2448 x 2048), so that these never wait for each other. 46 MB."""
_MAX_SEGMENTS: Final = 64
_SOF: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The markers that begin a JPEG's frame (ITU-T T.81, table B.1)."""
_BASELINE: Final = (0xC0, 0xC1)
_SOS: Final = 0xDA


def is_large(header: Header, content: bytes | memoryview) -> bool:
    """Whether decoding the frame takes much memory and time. Some microseconds."""
    if header.width * header.height <= LARGE_PIXELS or header.codec == "rgb":
        return False
    return header.codec != "jpeg" or not _decoded_by_rows(content)


def _decoded_by_rows(content: bytes | memoryview) -> bool:
    """Whether a JPEG is baseline with all its components in one scan. Any doubt is a no: it decides about nothing but the frame's turn."""
    at, components = 2, 0
    for _ in range(_MAX_SEGMENTS):
        marker, length = bytes(content[at : at + 2]), int.from_bytes(content[at + 2 : at + 4], "big")
        if len(marker) < 2 or marker[0] != 0xFF or length < 2 or at + 10 > len(content):
            return False
        if marker[1] == _SOS:
            return content[at + 4] == components
        if marker[1] in _SOF:
            if marker[1] not in _BASELINE:
                return False
            components = content[at + 9]
        at += 2 + length
    return False


class LargeFrames:
    """The large frames in the hands of `workers`. For one thread."""

    def __init__(self, workers: int) -> None:
        self._most_pixels, self._most = workers * PIXELS_A_WORKER, max(1, workers - 1)
        self._pixels = self._count = 0

    def may_begin(self, header: Header, others_wait: Callable[[], bool]) -> bool:
        """Whether a worker may take up one more.

        Alone always; beside others within the bound of pixels, and not the last worker while small frames wait.
        """
        if not self._count:
            return True
        fits = self._pixels + header.width * header.height <= self._most_pixels
        return fits and (self._count < self._most or not others_wait())

    def begun(self, header: Header) -> None:
        """A worker has taken one up."""
        self._count += 1
        self._pixels += header.width * header.height

    def ended(self, header: Header) -> None:
        """A worker is done with one."""
        self._count -= 1
        self._pixels -= header.width * header.height
