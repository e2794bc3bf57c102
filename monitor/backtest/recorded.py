"""A recorded event as the replay orders it, and the account of where events came from."""

import math
from typing import Final, NamedTuple

import msgspec

from contracts.errors import KeepsightError
from contracts.events import AnyEvent, FrameLabelled, FrameScored
from monitor.timeline import AHEAD_S, happened_at

MOST_REASONS: Final = 20
"""Broken lines that are told one by one; the rest are counted."""


class RecordingError(KeepsightError):
    """Recorded events, marked changes or a version's folder cannot be read. The message names the file and what to do."""


class Recorded(NamedTuple):
    """Sorts by time, then by capture and id: the order never depends on how events were dealt to files. `at` and `captured_at` are Unix seconds."""

    at: float
    captured_at: float
    event_id: str
    source: int
    line: int
    event: AnyEvent


class Source(msgspec.Struct):
    """What became of one file, or of the log."""

    name: str
    events: int = 0
    broken: int = 0
    """Lines or rows that are no event."""
    late: int = 0
    """Events older than one that was judged before, by more than the window for sorting; judged when they came, as the live monitor does."""
    sorted: bool = False
    """It was out of order, and sorted on disk first."""
    cut_off: str = ""
    """Why it ends too early; "" when it does not."""
    reasons: list[str] = []
    """The first broken lines, each with its place."""

    def bury(self, place: str, reason: object) -> None:
        """Count a broken line."""
        self.broken += 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append(f"{self.name}:{place}: {reason}")


def recorded(event: AnyEvent, logged_s: float, source: int, line: int) -> Recorded:
    """The event at its time; `logged_s` is when the log took it (infinity where unknown), which bounds a wrong clock as in the live monitor.

    Raises ValueError for a time that is no number: Parquet may hold such, and nothing can be sorted by it.
    """
    at = min(happened_at(event), logged_s + AHEAD_S)
    if not math.isfinite(at):
        raise ValueError(f"its time is {at}")
    captured_at = event.captured_at if isinstance(event, FrameScored | FrameLabelled) else 0.0
    return Recorded(at, captured_at, event.event_id, source, line, event)
