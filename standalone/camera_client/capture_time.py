"""When a photograph was taken, from the EXIF block that cameras write into a JPEG (CIPA DC-008, Exif 2.32). Anything odd in it counts as not there."""

import struct
from datetime import datetime
from typing import Final

_ORIGINAL: Final = 0x9003
_OFFSET: Final = 0x9011
_SUBSECONDS: Final = 0x9291
_EXIF_BLOCK: Final = 0x8769
_ASCII: Final = 2
_MAX_ENTRIES: Final = 512


def exif_time(content: bytes) -> float | None:
    """Unix seconds of DateTimeOriginal; without OffsetTimeOriginal it is read in this machine's time zone. None without one."""
    block = _exif(content)
    if block is None:
        return None
    try:
        said = _texts(block)
        date = datetime.strptime(said[_ORIGINAL], "%Y:%m:%d %H:%M:%S")  # the offset is a field of its own
        if _OFFSET in said:
            date = datetime.fromisoformat(f"{date.isoformat()}{said[_OFFSET]}")
        digits = said.get(_SUBSECONDS, "")[:9]
        return date.timestamp() + (float(f"0.{digits}") if digits.isascii() and digits.isdigit() else 0.0)
    except (ValueError, KeyError, OverflowError, OSError, struct.error):
        return None


def _exif(content: bytes) -> bytes | None:
    """The TIFF structure inside the APP1 segment."""
    at = 2
    while (
        content[:2] == b"\xff\xd8" and content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] not in (b"\xda", b"\xd9", b"")
    ):
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        if content[at + 1 : at + 2] == b"\xe1" and content[at + 4 : at + 10] == b"Exif\0\0":
            return content[at + 10 : at + 2 + size]
        if size < 2:
            return None
        at += 2 + size
    return None


def _texts(block: bytes) -> dict[int, str]:
    """The text fields of the Exif directory, by tag."""
    order = "<" if block[:2] == b"II" else ">"
    first = struct.unpack_from(f"{order}I", block, 4)[0]
    exif = {tag: value for tag, _, _, value in _entries(block, order, first)}[_EXIF_BLOCK]
    return {
        tag: (block[value : value + count] if count > 4 else struct.pack(f"{order}I", value)[:count])
        .split(b"\0")[0]
        .decode("ascii")
        .strip()
        for tag, kind, count, value in _entries(block, order, exif)
        if kind == _ASCII
    }


def _entries(block: bytes, order: str, at: int) -> list[tuple[int, int, int, int]]:
    count = struct.unpack_from(f"{order}H", block, at)[0]
    return [struct.unpack_from(f"{order}HHII", block, at + 2 + 12 * number) for number in range(min(count, _MAX_ENTRIES))]
