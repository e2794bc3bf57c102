"""Time as the policy takes it: from the rows' own times, so that a clock that was set starts nothing twice and stops nothing for long.

The wall clock of a service may be set while it runs. Forward: what waits for a time may start early by as much, once, because that start is a row. Back: the
rows are ahead, and now counts as the newest of them. A row more than a day ahead was written under a clock that was wrong, and is not believed.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from retrain.job import Job

_WRONG_S: Final = 86_400.0
_STEP_S: Final = 60.0
"""Between two looks; less is what clocks are trimmed by, and what a busy machine is late by."""


class Believed(NamedTuple):
    """The jobs whose times can be, and the time that it is at least."""

    jobs: list[Job]
    now: float


def believed(jobs: Sequence[Job], now: float) -> Believed:
    """What the rows say beside a clock's `now` (Unix seconds)."""
    sane = [job for job in jobs if max(_times(job), default=now) <= now + _WRONG_S]
    return Believed(sane, max([now, *(at for job in sane for at in _times(job))]))


class Watch:
    """Tells when the wall clock moved, beside one that nobody sets."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def moved_s(self, now: float, monotonic_s: float) -> float:
        """Seconds that the clock was set forward (or back, below 0) since the last look; 0 where it ran."""
        last, self._last = self._last, (now, monotonic_s)
        if last is None:
            return 0.0
        moved = (now - last[0]) - (monotonic_s - last[1])
        return moved if abs(moved) >= _STEP_S else 0.0


def _times(job: Job) -> list[float]:
    return [at for at in (job.started_at, job.finished_at) if at is not None]
