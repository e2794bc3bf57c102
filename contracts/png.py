"""PNG frames from strangers: checked to the last byte and stripped to the picture before libpng sees them.

A file of 800 KB can hold 800 MB of zeros behind a picture of 64 x 64, or in a text or colour profile beside it, and libpng inflates them all; it also
writes its complaints to standard error, past every log. What is handed on has no chunk but the picture's, exactly as many bytes as the header says, and
no filter or palette entry that does not exist.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from contracts.errors import FrameError

MAX_CHUNKS: Final = 10_000
"""Of one file: 8 MiB in the 4 KiB chunks of the most sparing encoders, five times over."""
MAX_ROWS: Final = 4 * 25_000_000
"""Bytes of one picture: as many pixels as a frame may have, with four channels of 8 bits."""
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PIECE: Final = 1 << 20
_FED: Final = 1 << 16
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE: Final = 3
_ADAM7: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Where each pass begins (x, y) and its steps (PNG specification, 8.2)."""


def plain(content: bytes) -> bytearray:
    """The same picture in a PNG that decodes without surprises; uncompressed, so that nothing is inflated twice. Raises FrameError."""
    head, palette, data = _chunks(content)
    width, height, depth, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", head)
    if depth not in _DEPTHS.get(colour, ()) or compression or filters or interlace > 1:
        raise _damaged(f"its header says colour type {colour}, {depth} bits, methods {compression}, {filters} and {interlace}")
    passes = _passes(width, height, depth * _CHANNELS[colour], interlace)
    size = sum(count * size for count, size in passes)
    if size > MAX_ROWS:
        raise FrameError(
            "too_many_pixels", f"the PNG frame has {size} bytes of rows, at most {MAX_ROWS} are taken: send 8 bits a channel"
        )
    found = bytearray(_SIGNATURE + _chunk(b"IHDR", head))
    if colour == _PALETTE:
        if not palette or len(palette) % 3 or len(palette) > 3 << depth:
            raise _damaged(f"its palette has {len(palette)} bytes for {depth} bits")
        found += _chunk(b"PLTE", palette.ljust(3 << depth, b"\0"))  # a pixel beyond its end is black, without complaint
    stored = zlib.compressobj(0)
    # Piece by piece: a large picture is in memory once, and is refused at its first wrong row.
    for rows in _rows(_Inflating(data), passes):
        found += _chunk(b"IDAT", stored.compress(rows))
    found += _chunk(b"IDAT", stored.flush()) + _chunk(b"IEND", b"")
    return found


def _chunks(content: bytes) -> tuple[bytes, bytes, list[memoryview]]:
    """The header, the palette and the compressed rows, every chunk's checksum verified (PNG specification, 5.3)."""
    head, palette, view, at = b"", b"", memoryview(content), len(_SIGNATURE)
    data: list[memoryview] = []
    for number in range(MAX_CHUNKS):
        kind, end = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if end > len(content):
            raise FrameError(
                "truncated", f"the PNG frame is truncated: its chunk at byte {at} needs {end - len(content)} bytes more"
            )
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end], "big"):
            raise _damaged(f"its chunk {kind!r} at byte {at} has a wrong checksum")
        body = view[at + 8 : end - 4]
        if (number == 0) is not (kind == b"IHDR") or (kind == b"IHDR" and len(body) != 13):
            raise _damaged(f"its chunk {number + 1} is {kind!r} with {len(body)} bytes")
        if kind == b"IHDR":
            head = bytes(body)
        elif kind == b"PLTE" and not data:
            palette = bytes(body)
        elif kind == b"IDAT":
            data.append(body)
        elif kind == b"IEND":
            return head, palette, data
        elif not kind[0] & 0x20:
            raise _damaged(f"its chunk {kind!r} at byte {at} is critical and not known, or out of place")
        at = end
    raise _damaged(f"it has more than {MAX_CHUNKS} chunks")


def _passes(width: int, height: int, bits: int, interlace: int) -> list[tuple[int, int]]:
    """How many rows, and bytes in each with its filter, of every pass over the picture; `bits` of one pixel."""
    grids = _ADAM7 if interlace else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in grids]
    return [(rows, 1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0 and rows > 0]


def _rows(stream: "_Inflating", passes: list[tuple[int, int]]) -> Iterator[bytes]:
    """All rows, some whole ones at a time; they must be the picture's and no byte more, which is never inflated."""
    got, size = 0, sum(count * row for count, row in passes)
    for count, row in passes:
        at_once = max(1, _PIECE // row)
        for first in range(0, count, at_once):
            wanted = min(at_once, count - first) * row
            rows = stream.read(wanted)
            got += len(rows)
            if len(rows) < wanted:
                raise _damaged(f"it holds {got} of the {size} bytes of its picture")
            if max(rows[::row]) > 4:
                raise _damaged("a row has a filter that does not exist")
            yield rows
    if stream.read(1):
        raise _damaged(f"it holds more than the {size} bytes of its picture")
    if not stream.ended:
        raise _damaged("its data have no end")


class _Inflating:
    """Compressed data, inflated as far as they are read."""

    def __init__(self, data: list[memoryview]) -> None:
        self._stream = zlib.decompressobj()
        self._parts = (part[at : at + _FED] for part in data for at in range(0, len(part), _FED))
        self._fed: bytes | memoryview = b""

    @property
    def ended(self) -> bool:
        """Whether the data came to their end, their checksum right."""
        return self._stream.eof

    def read(self, size: int) -> bytes:
        """The next `size` bytes; fewer where there are no more. Raises FrameError."""
        found: list[bytes] = []
        while size > 0 and not self._stream.eof:
            fed = self._fed or next(self._parts, b"")
            try:
                piece = self._stream.decompress(fed, size)
            except zlib.error as error:
                raise _damaged(str(error)) from None
            if not piece and not fed:
                break
            self._fed = self._stream.unconsumed_tail
            found.append(piece)
            size -= len(piece)
        return found[0] if len(found) == 1 else b"".join(found)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def _damaged(how: str) -> FrameError:
    return FrameError("not_decodable", f"the PNG frame is damaged: {how}")
