"""What people said of frames on the console's pages, this monitor's and its replicas', the newest of each frame: the list of wanted frames
does not know it yet.

The log holds it. It is read in no certain order there, since labels and reviews are on two topics: the times decide. Bounded: the oldest goes first.
"""

import threading
from typing import Final, NamedTuple

from contracts.events import FrameLabelled, ReviewLabel
from contracts.predictions import Box, BoxesTruth

SOURCE: Final = "console"
"""What a label from here says that it comes from."""
MOST: Final = 5000


class Answered(NamedTuple):
    """What a person said of a frame: its label, or its boxes, or neither where he was unsure. `at` in Unix seconds."""

    label: str | None
    boxes: tuple[Box, ...] | None
    by: str
    at: float


class Said:
    """Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Answered] = {}

    def of(self, frame_id: str) -> Answered | None:
        """What was said of a frame."""
        with self._lock:
            return self._known.get(frame_id)

    def labelled(self, event: FrameLabelled) -> None:
        """A label was given; one that came in elsewhere is not what a person sees as his own."""
        if event.source == SOURCE:
            label, boxes = (None, event.truth.boxes) if isinstance(event.truth, BoxesTruth) else (event.truth.label, None)
            self._keep(event.frame_id, Answered(label, boxes, event.labelled_by, event.occurred_at))

    def reviewed(self, event: ReviewLabel) -> None:
        """A label was looked at again; where it is right, what was said before stands."""
        if event.verdict != "right" or self.of(event.frame_id) is None:
            self._keep(event.frame_id, Answered(None, None, event.by, event.occurred_at))

    def _keep(self, frame_id: str, said: Answered) -> None:
        with self._lock:
            if (known := self._known.get(frame_id)) is not None and known.at > said.at:
                return
            self._known.pop(frame_id, None)
            self._known[frame_id] = said
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
