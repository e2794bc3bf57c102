"""What is sent to serving that is no frame, or not as it says: each kind with what it must be answered."""

import random
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from benchmarks.faults.asking import Pieces, head
from tests.mutations import mutated

CAMERA: Final = "garbage"
BODY_S: Final = 2.0
"""[serving] body_timeout_s of the run: how long a body may take."""
MUTATED: Final = "mutated"
"""The one kind that may be answered 200: damaged photographs that still are pictures."""
_DRIP_S: Final = 0.3


class Garbage(NamedTuple):
    """A request of this kind; `fresh`: on a connection of its own."""

    kind: str
    pieces: Pieces
    fresh: bool = False


def garbage(seed: int, photograph: bytes, max_bytes: int) -> Iterator[Garbage]:
    """Without end, the kinds in turn, the same for the same seed."""
    dice = random.Random(seed)
    damaged = list(mutated(240, seed))
    path = f"/v1/frames?camera={CAMERA}"
    number = 0
    while True:
        cut, noise, broken = photograph[: dice.randrange(100, len(photograph) - 50)], dice.randbytes(2000), damaged[number % 240]
        number += 1
        yield Garbage(MUTATED, ((0, head(path, len(broken)) + broken),))
        yield Garbage("cut short", ((0, head(path, len(cut)) + cut),))
        yield Garbage("noise", ((0, head(path, len(noise)) + noise),))
        yield Garbage("empty", ((0, head(path, 0)),))
        yield Garbage("bomb", ((0, head(path, len(BOMB)) + BOMB),))
        yield Garbage("too large", ((0, head(path, max_bytes + 1)),), fresh=True)
        yield Garbage("more than it says", ((0, head(path, len(cut) // 2) + cut),), fresh=True)
        yield Garbage("less than it says", ((0, head(path, len(cut) + 100) + cut),), fresh=True)
        drops = tuple((_DRIP_S, photograph[at : at + 1]) for at in range(int(2 * BODY_S / _DRIP_S)))
        yield Garbage("dawdling", ((0, head(path, len(photograph))), *drops), fresh=True)
        yield Garbage("unknown camera", ((0, head("/v1/frames?camera=nobody", len(cut)) + cut),))
        yield Garbage("no time", ((0, head(f"{path}&captured_at=yesterday", len(cut)) + cut),))
        yield Garbage("compressed", ((0, head(path, len(cut), content_encoding="gzip") + cut),))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


BOMB: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(bytes(1 << 20), 9))
    + _chunk(b"IEND", b"")
)
"""A PNG of a kilobyte that claims 900 million pixels."""
