"""Identities: time-sortable ids (UUIDv7, RFC 9562), and the rule for names that become paths, keys and labels."""

import os
import random
import re
import secrets
from hashlib import blake2b
from typing import Final

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_RANDOM: Final = random.Random(secrets.randbits(256))  # asking the system for each id takes 20 microseconds, and ids are no secrets
os.register_at_fork(after_in_child=lambda: _RANDOM.seed(secrets.randbits(256)))


def new_id(now_s: float) -> str:
    """A UUIDv7 at `now_s` (Unix seconds): ids of different milliseconds sort by time, others are random."""
    stamp = int(now_s * 1000) & ((1 << 48) - 1)
    value = (stamp << 80) | (0x7 << 76) | (_RANDOM.getrandbits(12) << 64) | (0b10 << 62) | _RANDOM.getrandbits(62)
    return _written(value)


def derived_id(frame_id: str, *parts: str) -> str:
    """A UUIDv7 with the time of `frame_id` (a UUIDv7) and 74 bits of the hash of `parts` for its random part: the same for the same arguments."""
    digest = int.from_bytes(blake2b("\x00".join((frame_id, *parts)).encode(), digest_size=16).digest())
    stamp = int(frame_id.replace("-", "")[:12], 16)
    value = (stamp << 80) | (0x7 << 76) | ((digest >> 62 & 0xFFF) << 64) | (0b10 << 62) | (digest & ((1 << 62) - 1))
    return _written(value)


def time_of(frame_id: str) -> float:
    """The Unix seconds inside a UUIDv7. Raises ValueError if it is none."""
    if not _UUID7.fullmatch(frame_id):
        raise ValueError(f"not a frame id (UUIDv7): {frame_id!r}")
    return int(frame_id[:8] + frame_id[9:13], 16) / 1000


def is_id(text: str) -> bool:
    """Whether `text` is a UUIDv7 as `new_id` writes it."""
    return _UUID7.fullmatch(text) is not None


def checked_name(what: str, name: str) -> str:
    """`name`, if it may stand in a path, a log key and a metric: letters, digits, '.', '_', '-', at most 64, no leading dot. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(
            f"{what} {name!r} is not a name: use 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"
        )
    return name


def _written(value: int) -> str:
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
