"""Real photographs in every format, and what a bad link or a bad mind makes of them: bits flipped, bytes replaced, cut, doubled, headers that lie."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from PIL import Image
from sklearn.datasets import load_sample_images

FORMATS: Final = {
    "jpeg": ("JPEG", {"quality": 85}),
    "progressive": ("JPEG", {"quality": 85, "progressive": True}),
    "png": ("PNG", {}),
    "palette": ("PNG", {}),
    "webp": ("WEBP", {"quality": 80}),
    "lossless": ("WEBP", {"lossless": True}),
}
_SIZES: Final = (0, 1, 7, 8, 255, 4096, 8192, 8193, 16_383, 30_000, 65_535)


def whole(side: int = 64) -> list[bytes]:
    """Two photographs in each format."""
    pictures = [Image.fromarray(picture).resize((side, side)) for picture in load_sample_images().images]
    found = []
    for name, (kind, options) in FORMATS.items():
        for picture in pictures:
            stream = io.BytesIO()
            (picture.quantize(64) if name == "palette" else picture).save(stream, kind, **options)
            found.append(stream.getvalue())
    return found


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """`count` frames, each another one damaged in another way; the same for the same seed."""
    dice, sources = random.Random(seed), whole()
    ways = (_flipped, _replaced, _cut, _doubled, _lying, _spliced)
    for number in range(count):
        content = bytearray(sources[number % len(sources)])
        ways[dice.randrange(len(ways))](content, dice, sources)
        yield bytes(content)


def _flipped(content: bytearray, dice: random.Random, _: list[bytes]) -> None:
    for _ in range(dice.choice((1, 1, 2, 8, 64))):
        content[_place(content, dice)] ^= 1 << dice.randrange(8)


def _replaced(content: bytearray, dice: random.Random, _: list[bytes]) -> None:
    for _ in range(dice.choice((1, 4, 32))):
        at, size = _place(content, dice), dice.randrange(1, 5)
        content[at : at + size] = dice.choice((bytes(size), b"\xff" * size, dice.randbytes(size)))


def _cut(content: bytearray, dice: random.Random, _: list[bytes]) -> None:
    if dice.random() < 0.5:
        del content[_place(content, dice) :]
    else:
        at = _place(content, dice)
        del content[at : at + dice.randrange(1, 200)]


def _doubled(content: bytearray, dice: random.Random, _: list[bytes]) -> None:
    at = _place(content, dice)
    content[at:at] = content[at : at + dice.randrange(1, 400)] * dice.choice((1, 2, 50))


def _lying(content: bytearray, dice: random.Random, _: list[bytes]) -> None:
    """Another size in the header, the rest as it was."""
    width, height = dice.choice(_SIZES), dice.choice(_SIZES)
    if content[:2] == b"\xff\xd8":
        at = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2")) + 5
        content[at : at + 4] = struct.pack(">HH", height, width)
    elif content[:4] == b"\x89PNG":
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    else:
        content[26:30] = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)


def _spliced(content: bytearray, dice: random.Random, sources: list[bytes]) -> None:
    """The beginning of one, the end of another."""
    other = dice.choice(sources)
    content[_place(content, dice) :] = other[dice.randrange(len(other)) :]


def _place(content: bytearray, dice: random.Random) -> int:
    """Half of the time within the first 64 bytes, where the headers are."""
    return dice.randrange(min(64, len(content))) if dice.random() < 0.5 else dice.randrange(len(content))
