"""What a server says of itself on the log: which versions it answers with and how they fare. retrain's rollout stands on it.

A rollback is done when every server reports the old version, and a version that fails on frames leaves no other trace: what has no answer is no event.
Reports go through the spool like all events, but are not counted with them: one that is lost is followed by another.
"""

import time
from collections.abc import Callable

from contracts.events import ServingReported, VersionServed, encode
from contracts.ids import new_id
from serving.delivery.spool import Spool


class Reporter:
    """Reports of one server of `model`, which is named `replica`, at least every `every_s`. `clock` gives Unix seconds."""

    def __init__(self, spool: Spool, model: str, replica: str, every_s: float, clock: Callable[[], float] = time.time) -> None:
        self._spool, self._model, self._replica, self._every_s, self._clock = spool, model, replica, every_s, clock
        self._started_at = clock()
        self._said_at = float("-inf")
        self._said: object = None

    def say(self, sequence: int, versions: tuple[VersionServed, ...]) -> None:
        """Called at each look at the channels: reports when the versions in service changed, and when it is time again."""
        lineup = sequence, [(one.version, one.digest, one.role, one.provider) for one in versions]
        now = self._clock()
        if lineup != self._said or not 0 <= now - self._said_at < self._every_s:
            self._said, self._said_at = lineup, now
            self._write(sequence, versions, now, leaving=False)

    def leave(self, sequence: int, versions: tuple[VersionServed, ...]) -> None:
        """The last word, when the last frame is answered."""
        self._write(sequence, versions, self._clock(), leaving=True)

    def _write(self, sequence: int, versions: tuple[VersionServed, ...], now: float, leaving: bool) -> None:
        report = ServingReported(
            event_id=new_id(now),
            occurred_at=now,
            model=self._model,
            replica=self._replica,
            sequence=sequence,
            versions=versions,
            started_at=self._started_at,
            leaving=leaving,
        )
        self._spool.append([encode(report, "serving")])
