"""Ids of the frames that senders name and of the events that serving emits, derived from what they are about, so that saying the same twice gives one event."""

from hashlib import blake2b


def derived_id(frame_id: str, *parts: str) -> str:
    """A UUIDv7 with the time of `frame_id` (a UUIDv7) and 74 bits of the hash of `parts` for its random part: the same for the same arguments."""
    digest = int.from_bytes(blake2b("\x00".join((frame_id, *parts)).encode(), digest_size=16).digest())
    stamp = int(frame_id.replace("-", "")[:12], 16)
    value = (stamp << 80) | (0x7 << 76) | ((digest >> 62 & 0xFFF) << 64) | (0b10 << 62) | (digest & ((1 << 62) - 1))
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
