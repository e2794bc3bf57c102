"""How fast the work goes, measured: what to tell whom there is no room for, and whether a fuller batch is worth waiting for. Pure: times are passed in.

A batch of n frames takes a + b n: `a` is what a run costs whatever its size, `b` what each frame adds (least squares over the batches so far, old ones fading).
With n frames in hand and the next one due in `gap`, a run now makes the next frame wait for it: both together answer in n T(n) + T(n) - gap + T(1), a run
with the next frame in it in n (gap + T(n+1)) + T(n+1). Waiting is shorter in sum where gap < (a - n b) / (n + 1): never where `b` is the larger, as on a CPU.
"""

import math
from typing import Final

_FADING: Final = 0.97
"""Of a batch's or a gap's weight with each later one: half of it lies on the last 23."""
_LONGEST_S: Final = 60
"""Whatever was measured before a version was exchanged, a camera asks again within a minute."""


class Pace:
    """For one thread. Times are in seconds."""

    def __init__(self) -> None:
        self._weight = self._n = self._nn = self._t = self._nt = 0.0
        self._gap_s = math.inf
        self._arrived_at = -math.inf

    def worked(self, frames: int, took_s: float) -> None:
        """A worker was done with a batch."""
        self._weight = _FADING * self._weight + 1
        self._n = _FADING * self._n + frames
        self._nn = _FADING * self._nn + frames * frames
        self._t = _FADING * self._t + took_s
        self._nt = _FADING * self._nt + frames * took_s

    def arrived(self, frames: int, now: float) -> None:
        """Frames were queued at `now`."""
        gap_s = (now - self._arrived_at) / frames
        self._gap_s = gap_s if math.isinf(self._gap_s) else _FADING * self._gap_s + (1 - _FADING) * gap_s
        self._arrived_at = now

    def costs(self) -> tuple[float, float]:
        """`a` and `b`; all is the frames' where sizes never differed."""
        spread = self._weight * self._nn - self._n * self._n
        if spread <= 1e-9 * self._nn * self._weight:
            return 0.0, self._t / self._n if self._n else 0.0
        each = max(0.0, (self._weight * self._nt - self._n * self._t) / spread)
        return max(0.0, (self._t - each * self._n) / self._weight), each

    def worth_waiting_until(self, frames: int) -> float:
        """Until when to wait for one more beside `frames` in hand; -inf when it does not pay."""
        run_s, each_s = self.costs()
        worth_s = (run_s - frames * each_s) / (frames + 1)
        return self._arrived_at + worth_s if self._gap_s < worth_s else -math.inf

    def frames_in(self, seconds: float) -> int:
        """How many frames, at least one, a worker did in that time lately."""
        return max(1, int(seconds * self._n / self._t)) if self._t else 1

    def retry_after_s(self, slots: int, workers: int) -> int:
        """Whole seconds until `slots` frames will have been worked on."""
        each_s = self._t / self._n if self._n else 0.0
        return min(_LONGEST_S, max(1, math.ceil(slots * each_s / workers)))
