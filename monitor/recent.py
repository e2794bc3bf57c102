"""Which events of a camera were seen: an exact memory of the newest ids, and a high-water mark for everything older.

Ids are UUIDv7. Those of frames grow as they come: one that is no younger than a forgotten one is `late`, it may be a repeat, and is never
counted. So no frame counts twice, in constant memory, as long as those of one millisecond are few. A clock that was ahead marks nothing: after it is
set back, frames would be late until that time has come. Labels come in any order: see quality/labelled.py.
"""

from typing import Final, Literal

import msgspec

KEPT_FRAMES: Final = 64
"""Frame events remembered for a camera: a redelivered batch of so many of its frames is told apart exactly, what is older counts as late.
0.7 kB saved."""
WIDTH: Final = 10
"""Bytes kept of an id: 48 bits of time and 32 random ones. Two ids of one millisecond are taken for one with a chance of 2^-32."""
_TIME: Final = 6
SET_BACK_MS: Final = 60_000
"""Frames of a camera that come by two servers are seconds apart; what was this far ahead of a later one had a wrong clock."""

Seen = Literal["new", "repeat", "late"]


class Recent(msgspec.Struct, array_like=True):
    """The newest KEPT_FRAMES ids in the order of arrival, and the newest id that was forgotten."""

    ids: bytes = b""
    """One after another, WIDTH bytes each: searched as they are, as fast as a dict in a thirtieth of its memory."""
    forgotten: bytes = b""

    def see(self, event_id: str) -> Seen:
        """Remember an id. Raises ValueError when it is none."""
        key = key_of(event_id)
        if self._has(key):
            return "repeat"
        if self._forgot(key):
            return "late"
        self.ids += key
        if len(self.ids) > KEPT_FRAMES * WIDTH:
            oldest, self.ids = self.ids[:WIDTH], self.ids[WIDTH:]
            set_back = _ms(oldest) > _ms(key) + SET_BACK_MS
            self.forgotten = max(self.forgotten, key if set_back else oldest)
        return "new"

    def _forgot(self, key: bytes) -> bool:
        """Whether an id that is not kept may be one of those that were; while the millisecond of the youngest of them is not over, others of it are new."""
        at, limit = key[:_TIME], self.forgotten[:_TIME]
        return at < limit or key == self.forgotten or (at == limit and self.ids[:_TIME] != limit)

    def _has(self, key: bytes) -> bool:
        found = self.ids.find(key)
        while found >= 0 and found % WIDTH:
            found = self.ids.find(key, found + 1)
        return found >= 0


def _ms(key: bytes) -> int:
    return int.from_bytes(key[:_TIME])


def key_of(event_id: str) -> bytes:
    """What is kept of an id. Raises ValueError when it is none."""
    try:
        whole = bytes.fromhex(event_id.replace("-", ""))
    except ValueError:
        whole = b""
    if len(whole) != 16:
        raise ValueError(f"the event id is {event_id!r}, expected a UUIDv7")
    return whole[:_TIME] + whole[_TIME - WIDTH :]
