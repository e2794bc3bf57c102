"""Which events of a camera were seen: an exact memory of the newest ids, and a high-water mark for everything older.

Ids are UUIDv7. Those of frames grow as they come: one of an earlier millisecond than a forgotten one is `late`, it may be a repeat, and is never
counted. So no frame counts twice, in constant memory, as long as no more than are kept bear one millisecond. A label's id bears its frame's time, and
labels come in any order, last week's after today's: for them an id that is not remembered is new. A redelivery follows close behind and is told; only a
label posted again after more than `kept` others of its camera would count twice.
"""

from typing import Final, Literal

import msgspec

KEPT_FRAMES: Final = 128
"""Frame events remembered for a camera: a redelivered batch of so many of its frames is told apart exactly; 1.5 kB saved."""
KEPT_LABELS: Final = 256
"""Labels come in bulk: a whole shift's for one camera in one request, all with ids of the same few milliseconds."""

Seen = Literal["new", "repeat", "late"]


class Recent(msgspec.Struct):
    """The newest `kept` ids in the order of arrival, and the newest id that was forgotten.

    Ten bytes of each are kept: the 48 bits of time and 32 random ones. Two ids of one millisecond are taken for one with a chance of 2^-32.
    """

    kept: int = KEPT_FRAMES
    ordered: bool = True
    """Whether ids grow as they come."""
    ids: dict[bytes, None] = {}
    forgotten: bytes = b""

    def see(self, event_id: str) -> Seen:
        """Remember an id. Raises ValueError when it is none."""
        try:
            key = bytes.fromhex(event_id.replace("-", ""))
        except ValueError:
            key = b""
        if len(key) != 16:
            raise ValueError(f"the event id is {event_id!r}, expected a UUIDv7")
        key = key[:6] + key[-4:]
        if key in self.ids:
            return "repeat"
        if self.ordered and key[:6] < self.forgotten[:6]:
            return "late"
        self.ids[key] = None
        if len(self.ids) > self.kept:
            oldest = next(iter(self.ids))
            del self.ids[oldest]
            self.forgotten = max(self.forgotten, oldest)
        return "new"
