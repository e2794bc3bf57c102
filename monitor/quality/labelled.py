"""Which frames of a camera were labelled, and as what: a truth that is posted again counts once, and one that is corrected replaces the first.

A label's frame id bears its frame's time, and labels come in any order, last week's after today's: a frame that is not remembered is new. A redelivery
follows close behind and is told; only a frame labelled again after more than KEPT others of its camera would count twice.
"""

from typing import Final

import msgspec

from monitor.recent import WIDTH, key_of

KEPT: Final = 256
"""Labels come in bulk: a whole shift's for one camera in one request. 3 kB saved."""
UNUSED: Final = -1
"""What a label that judges nothing is remembered as."""
_ROW: Final = WIDTH + 2


class Labelled(msgspec.Struct):
    """The newest KEPT labelled frames in the order of arrival: what each was labelled, as a class's number or UNUSED."""

    frames: bytes = b""
    """One after another: the frame id's key, then the number, 16 bits."""

    def see(self, frame_id: str, truth: int) -> int | None:
        """Remember a frame's truth. What it was remembered as before, None for a new frame. Raises ValueError when the id is none."""
        key, number = key_of(frame_id), min(truth, 0x7FFF).to_bytes(2, signed=True)
        at = self._find(key)
        if at < 0:
            self.frames = (self.frames + key + number)[-KEPT * _ROW :]
            return None
        before = self.frames[at + WIDTH : at + _ROW]
        self.frames = self.frames[: at + WIDTH] + number + self.frames[at + _ROW :]
        return int.from_bytes(before, signed=True)

    def _find(self, key: bytes) -> int:
        at = self.frames.find(key)
        while at >= 0 and at % _ROW:
            at = self.frames.find(key, at + 1)
        return at
