"""Ids that follow from what they name: a monitor that was killed and says a thing again says it under the same id, so that readers fold it."""

import hashlib


def derived_id(at: float, *parts: object) -> str:
    """A UUIDv7 at `at` (Unix seconds) whose random bits are the SHA-256 of `parts`: the same parts, the same id."""
    digest = int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:10])
    stamp = int(at * 1000) & ((1 << 48) - 1)
    value = (stamp << 80) | (0x7 << 76) | ((digest >> 62 & 0xFFF) << 64) | (0b10 << 62) | (digest & ((1 << 62) - 1))
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def request_key(model: str, version: str, episode: int) -> str:
    """The key under which repeated requests of one drift episode are one: 16 hex digits."""
    return hashlib.sha256(f"{model}\x1f{version}\x1f{episode}".encode()).hexdigest()[:16]
