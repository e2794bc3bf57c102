"""The newest labelled frames' mean average precision of a detector. How boxes match true ones is in contracts/quality_detection.py."""

from typing import Final

import msgspec

from contracts.quality import Metric
from contracts.quality_detection import Matches, bootstrapped

FRAMES: Final = 200
"""Labelled frames that mAP rests on, the newest."""
EVERY: Final = 20
"""Frames after which mAP and its interval are worked out again: a fifth of a second."""


class Window(msgspec.Struct):
    """The newest FRAMES labelled frames' matches, and their mAP at IoU 0.5 as of the last EVERY-th of them; None before, or without true boxes."""

    frames: list[Matches] = []
    taken: int = 0
    map50: Metric | None = None
    """With a 95 % bootstrap interval over frames: for one look, unlike those of the tallies."""

    def add(self, matches: Matches) -> None:
        """Take a frame; the oldest beyond FRAMES is forgotten."""
        self.frames = [*self.frames, matches][-FRAMES:]
        self.taken += 1
        if self.taken % EVERY == 0:
            self.map50 = bootstrapped(self.frames)
