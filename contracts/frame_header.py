"""What an encoded frame claims about itself, read without decoding it, and what is refused for it.

Every refusal is a FrameError whose reason is the sender's fault.
"""

import re
import struct
from dataclasses import dataclass
from typing import Final

import simplejpeg

from contracts.errors import FrameError

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 25_000_000
MAX_SIDE: Final = 8192
MIN_SIDE: Final = 8


@dataclass(frozen=True, slots=True)
class Header:
    """What an encoded frame claims about itself."""

    codec: str
    """`jpeg`, `png` or `webp`; `rgb` of a frame that came as pixels, [height, width, 3]."""
    width: int
    height: int


def inspect(content: bytes, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Header:
    """The header, within the limits, in microseconds and without decoding. Raises FrameError."""
    if not content:
        raise FrameError("empty", "the body is empty: send one encoded image (JPEG, PNG or WebP) as the raw body")
    if len(content) > max_bytes:
        raise FrameError("too_large", f"the frame has {len(content)} bytes, at most {max_bytes} are taken")
    header = _header(content)
    _refuse_polyglot(content)
    check_size(header.width, header.height, max_pixels)
    if header.codec == "jpeg" and header.width * header.height > _MAX_PIXELS_A_BYTE * len(content):
        raise FrameError(
            "truncated",
            f"the JPEG frame claims {header.width} x {header.height} pixels, for which {len(content)} bytes are too few",
        )
    return header


def check_size(width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Refuse a frame of this size that is too large or too small. Raises FrameError."""
    if max(width, height) > MAX_SIDE or width * height > max_pixels:
        raise FrameError(
            "too_many_pixels",
            f"the frame claims {width:.12g} x {height:.12g} pixels, at most {max_pixels} in all and {MAX_SIDE} a side are taken",
        )
    if min(width, height) < MIN_SIDE:
        raise FrameError("too_small", f"the frame is {width} x {height} pixels, at least {MIN_SIDE} a side are needed")


def damaged_jpeg(content: bytes, error: ValueError) -> FrameError:
    """What to say of a JPEG that its decoder refused."""
    if "Premature end" in str(error) or b"\xff\xd9" not in content:
        return FrameError("truncated", f"the JPEG frame ends too early ({len(content)} bytes): send the whole file")
    return FrameError("not_decodable", f"the JPEG frame is damaged: {error}")


def _header(content: bytes) -> Header:
    try:
        if content[:3] == b"\xff\xd8\xff":
            return _jpeg_header(content)
        if content[:8] == b"\x89PNG\r\n\x1a\n":
            return _png_header(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _webp_header(content)
    except (struct.error, IndexError):
        raise FrameError("truncated", f"the frame ends inside its header ({len(content)} bytes): send the whole file") from None
    for kind, signature in _OTHERS.items():
        if signature.match(content):
            raise FrameError("unsupported_format", f"the frame is {kind}; send JPEG, PNG or WebP")
    raise FrameError(
        "not_an_image", f"the body is not an image (it begins with {content[:8]!r}); send JPEG, PNG or WebP as the raw body"
    )


def _refuse_polyglot(content: bytes) -> None:
    """An image that is an archive or a document too is meant for whoever opens the stored frame; it does not happen to a camera."""
    if content.find(b"%PDF-", 0, 1024) >= 0:  # where PDF readers look
        raise FrameError("not_decodable", "the frame is a PDF document too; send the image alone")
    at = len(content)
    while (at := content.rfind(b"PK\5\6", max(0, len(content) - _ZIP_END), at)) >= 0:  # APPNOTE.TXT, 4.3.16
        directory = at - int.from_bytes(content[at + 12 : at + 16], "little")
        if directory >= 0 and content[directory : directory + 4] == b"PK\1\2":
            raise FrameError("not_decodable", "the frame is a ZIP archive too; send the image alone")


_MAX_PIXELS_A_BYTE: Final = 512
"""Of a JPEG: 8 blocks of 64 pixels, for a Huffman code has at least one bit. A header that lies is refused before its pixels are allocated."""
_ZIP_END: Final = 22 + 0xFFFF
"""The end record of a ZIP with the longest comment: where readers look for it."""
_OTHERS: Final = {
    "a GIF": re.compile(rb"GIF8"),
    "a BMP": re.compile(rb"BM"),
    "a TIFF": re.compile(rb"II[*+]\0|MM\0[*+]"),
    "a PDF": re.compile(rb"%PDF"),
    "an HEIF or AVIF": re.compile(rb".{4}ftyp(heic|heix|hevc|mif1|msf1|avif|avis)", re.DOTALL),
    "a video": re.compile(rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ", re.DOTALL),
    "a JPEG 2000 or JPEG XL": re.compile(rb"\0\0\0\x0c(jP|JXL) |\xff\x4f\xff\x51|\xff\x0a"),
}


def _jpeg_header(content: bytes) -> Header:
    """Read by the decoder itself: a reader of our own that disagreed in one marker would let a bomb pass."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(content)
    except ValueError as error:
        raise damaged_jpeg(content, error) from None
    return Header("jpeg", width, height)


def _png_header(content: bytes) -> Header:
    if content[12:16] != b"IHDR" and len(content) >= 16:
        raise FrameError("not_decodable", f"the PNG frame is damaged: it begins with {content[12:16]!r}, not with its header IHDR")
    width, height = struct.unpack(">II", content[16:24])
    pixels_at = content.find(b"IDAT", 33)
    if content.find(b"acTL", 33, pixels_at) >= 0:
        raise FrameError("animated", "the PNG frame is an animation; send one still frame")
    if pixels_at < 0 or content.rfind(b"IEND") < pixels_at:
        raise FrameError("truncated", f"the PNG frame ends too early ({len(content)} bytes): send the whole file")
    return Header("png", width, height)


def _webp_header(content: bytes) -> Header:
    """RFC 9649, sections 2.4 to 2.7."""
    if len(content) < max(25, struct.unpack("<I", content[4:8])[0] + 8):
        raise FrameError("truncated", f"the WebP frame ends too early ({len(content)} bytes): send the whole file")
    kind = content[12:16]
    if kind == b"VP8X":
        if content[20] & 0x02:
            raise FrameError("animated", "the WebP frame is an animation; send one still frame")
        return Header("webp", 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little"))
    if kind == b"VP8L":
        bits = struct.unpack("<I", content[21:25])[0]
        return Header("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if kind != b"VP8 ":
        raise FrameError("not_decodable", f"the WebP frame is damaged: it begins with the chunk {kind!r}")
    width, height = struct.unpack("<HH", content[26:30])
    return Header("webp", width & 0x3FFF, height & 0x3FFF)
