"""Which frames of a camera were labelled, and as what: a truth that is posted again counts once, and one that is corrected replaces the first.

A label's frame id bears its frame's time, and labels come in any order, last week's after today's: a frame that is not remembered is new. A redelivery
follows close behind and is told; only a frame labelled again after more than KEPT others of its camera would count twice.
"""

from typing import Final

import msgspec

from monitor.recent import key_of

KEPT: Final = 256
"""Labels come in bulk: a whole shift's for one camera in one request. 1.3 kB saved."""
UNUSED: Final = 255
"""What a label that judges nothing is remembered as."""
OTHER: Final = 254
"""And a class whose number is as large or not known."""
_KEY: Final = 4
"""Bytes kept of a frame id, random ones: a new frame is taken for one of 256 others with a chance of 6 in 10^8."""
_ROW: Final = _KEY + 1


class Labelled(msgspec.Struct, array_like=True):
    """The newest KEPT labelled frames in the order of arrival: what each was labelled, as a class's number, OTHER or UNUSED."""

    frames: bytes = b""
    """One after another: the frame id's key, then the number."""

    def see(self, frame_id: str, truth: int) -> int | None:
        """Remember a frame's truth. What it was remembered as before, None for a new frame. Raises ValueError when the id is none."""
        key, number = key_of(frame_id)[-_KEY:], bytes((truth,))
        at = self._find(key)
        if at < 0:
            self.frames = (self.frames + key + number)[-KEPT * _ROW :]
            return None
        before = self.frames[at + _KEY]
        self.frames = self.frames[: at + _KEY] + number + self.frames[at + _ROW :]
        return before

    def _find(self, key: bytes) -> int:
        at = self.frames.find(key)
        while at >= 0 and at % _ROW:
            at = self.frames.find(key, at + 1)
        return at
