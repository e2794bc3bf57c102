"""Which frames of a camera were labelled, when, and as what: a truth that is posted again counts once, and one that is corrected replaces the first.

A label's frame id bears its frame's time, and labels come in any order, last week's after today's: a frame that is not remembered is new. A redelivery
follows close behind and is told; only a frame labelled again after more than KEPT others of its camera would count twice.
"""

from typing import Final

import msgspec

from monitor.recent import key_of

KEPT: Final = 256
"""Labels come in bulk: a whole shift's for one camera in one request. 2.3 kB saved."""
UNUSED: Final = 255
"""What a label that judges nothing is remembered as."""
OTHER: Final = 254
"""And a class whose number is as large or not known."""
_KEY: Final = 4
"""Bytes kept of a frame id, random ones: a new frame is taken for one of 256 others with a chance of 6 in 10^8."""
_ROW: Final = _KEY + 1
_TIME: Final = 4
"""Bytes of the second in which a truth was said."""


class Labelled(msgspec.Struct, array_like=True):
    """The newest KEPT labelled frames in the order of arrival: what each was labelled, as a class's number, OTHER or UNUSED."""

    frames: bytes = b""
    """One after another: the frame id's key, then the number."""
    times: bytes = b""
    """When each was said, in whole Unix seconds, big-endian; the oldest rows have none where an earlier release wrote them."""

    def outdated(self, frame_id: str, said_at: float) -> bool:
        """Whether a truth said at `said_at` is older than the frame's: two servers' labels may come in another order than they were said in."""
        at = self._find(_key(frame_id))
        return at >= 0 and _second(said_at) < self._time(at // _ROW)

    def see(self, frame_id: str, truth: int, said_at: float) -> int | None:
        """Remember a frame's truth. What it was remembered as before, None for a new frame. Raises ValueError when the id is none."""
        key, number, second = _key(frame_id), bytes((truth,)), _second(said_at)
        times = self.times.rjust(len(self.frames) // _ROW * _TIME, b"\0")
        at = self._find(key)
        if at < 0:
            self.frames = (self.frames + key + number)[-KEPT * _ROW :]
            self.times = (times + second)[-KEPT * _TIME :]
            return None
        before, row = self.frames[at + _KEY], at // _ROW * _TIME
        self.frames = self.frames[: at + _KEY] + number + self.frames[at + _ROW :]
        self.times = times[:row] + second + times[row + _TIME :]
        return before

    def _time(self, row: int) -> bytes:
        return self.times.rjust(len(self.frames) // _ROW * _TIME, b"\0")[row * _TIME : (row + 1) * _TIME]

    def _find(self, key: bytes) -> int:
        at = self.frames.find(key)
        while at >= 0 and at % _ROW:
            at = self.frames.find(key, at + 1)
        return at


def _key(frame_id: str) -> bytes:
    return key_of(frame_id)[-_KEY:]


def _second(at: float) -> bytes:
    """Big-endian, so that bytes sort as times do."""
    return int(min(max(at, 0.0), 2**32 - 1)).to_bytes(_TIME)
