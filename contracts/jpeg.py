"""JPEG frames from strangers: how many passes over the picture a file may hold, and its pixels, whole or at a fraction of their size."""

from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from contracts.errors import FrameError
from contracts.frame_header import MAX_PIXELS, Header, damaged_jpeg

MAX_SCANS: Final = 100
"""Of one JPEG. Progressive encoders write about 10; a valid file of a few KB can hold thousands of passes over 25 million pixels."""
MAX_SCANS_AT_MAX_PIXELS: Final = 16
"""Of a JPEG as large as may be: a scan takes 0.7 ns a pixel (measured), all of them together 0.3 s."""
_PLAIN: Final = frozenset({0xDB, 0xC4, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Segments that say nothing of scans: quantisation and Huffman tables, restart interval, comment, application data (ITU-T T.81, table B.1)."""
_SEQUENTIAL: Final = frozenset({0xC0, 0xC1})
_START_OF_SCAN: Final = 0xDA


def decode(content: bytes, header: Header, reduced_by: int) -> NDArray[np.uint8]:
    """RGB pixels [height, width, 3] at 1/`reduced_by` (1, 2, 4, 8) of the frame's size, sides rounded up. Raises FrameError."""
    if not has_one_scan(content):
        _check_scans(content, header)
    # The decoder takes the smallest scale that gives this much: 1 / reduced_by.
    width, height = -(-header.width // reduced_by), -(-header.height // reduced_by)
    try:
        pixels = simplejpeg.decode_jpeg(
            content, colorspace="RGB", fastdct=False, fastupsample=False, min_height=height, min_width=width
        )
    except ValueError as error:
        raise damaged_jpeg(content, error) from None
    return np.asarray(pixels, dtype=np.uint8)


def has_one_scan(content: bytes) -> bool:
    """Whether this is a JPEG as cameras write it: sequential, and its first scan holds all components, so that the decoder refuses a second.

    False wherever the segments before it are not one behind the other as the standard has them: then it is for those who read every byte.
    """
    at, components = 2, 0
    try:
        while content[at] == 0xFF:
            marker, length = content[at + 1], content[at + 2] << 8 | content[at + 3]
            if marker == _START_OF_SCAN:
                return components > 0 and content[at + 4] == components
            if marker in _SEQUENTIAL and not components:
                components = content[at + 9]
            elif marker not in _PLAIN:
                return False
            at += 2 + length
    except IndexError:
        pass
    return False


def _check_scans(content: bytes, header: Header) -> None:
    """Refuse more scans than a picture of its size may have: each is a pass over the whole of it, however few bytes it has. Raises FrameError."""
    code = np.frombuffer(content, np.uint8)
    scans = np.count_nonzero((code[:-1] == 0xFF) & (code[1:] == 0xDA))  # six times faster than bytes.count
    most = min(MAX_SCANS, max(MAX_SCANS_AT_MAX_PIXELS, MAX_SCANS_AT_MAX_PIXELS * MAX_PIXELS // (header.width * header.height)))
    if scans > most:
        raise FrameError("not_decodable", f"the JPEG frame has {scans} scans, at most {most} are decoded at its size")
