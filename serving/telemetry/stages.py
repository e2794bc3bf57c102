"""The stages of a request that its route knows, the same on every route that takes frames: `read`, its body arrives, and `reply`, from when all of its frames
had their outcome to the end of its answer.
"""

import time

from prometheus_client import Histogram

from serving.telemetry.instruments import Instruments
from serving.telemetry.trace import Stage, Trace


class RequestStages:
    """Observes them, and adds them to the trace of a request that has one. Times are on the performance counter (seconds)."""

    def __init__(self, instruments: Instruments) -> None:
        self._read_s, self._reply_s = instruments.read_s, instruments.reply_s

    def read(self, begun: float, traced: Trace | None) -> float:
        """The body that was waited for from `begun` on is there; when that was."""
        return _ended(self._read_s, "read", begun, traced)

    def replied(self, decided_at: float, traced: Trace | None) -> None:
        """An answer was sent whose last frame a worker had decided at `decided_at` (0: none did, and no stage is told)."""
        if decided_at:
            _ended(self._reply_s, "reply", decided_at, traced)


def _ended(of: Histogram, stage: str, start: float, traced: Trace | None) -> float:
    now = time.perf_counter()
    of.observe(now - start)
    if traced is not None:
        traced.stages.append(Stage(stage, start, now))
    return now
