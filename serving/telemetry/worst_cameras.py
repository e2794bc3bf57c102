"""Which cameras have the most frames that were not answered, and why: bounded to the worst few, whatever the size of the fleet.

A metric with a series for each of ten thousand cameras would swamp Prometheus; one without any would not say whose frames are broken.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from heapq import nsmallest
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from contracts.metrics_serving import CAMERA_PROBLEMS_TOP

WORST: Final = 20
"""Series of each outcome."""
_WINDOW_S: Final = 300.0
_LEAST_S: Final = 60.0
"""Rates are over no less: the first broken frame after a start is not one a second."""
_Counts = Counter[tuple[str, str, str]]
"""By outcome, camera and problem."""


class WorstCameras(Collector):
    """Counts over the current window of five minutes and the one before. `clock` is monotonic seconds. Safe between threads.

    Callers count cameras that they know: what is kept is bounded by their number.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._before: _Counts = Counter()
        self._now: _Counts = Counter()
        self._before_since = self._since = clock()

    def add(self, camera: str, outcome: str, problem: str) -> None:
        """One frame of `camera` that was not answered."""
        with self._lock:
            self._turn(self._clock())
            self._now[outcome, camera, problem] += 1

    def worst(self) -> list[tuple[str, str, str, float]]:
        """(outcome, camera, problem, frames a second), of each outcome the WORST with the most, ties by name."""
        with self._lock:
            now = self._clock()
            self._turn(now)
            before, counts, over_s = self._before, self._now.copy(), max(_LEAST_S, now - self._before_since)
        counts.update(before)  # outside the lock, which the event loop takes: a fleet's problems are merged in milliseconds
        by_outcome: dict[str, list[tuple[int, str, str]]] = {}
        for (outcome, camera, problem), count in counts.items():
            by_outcome.setdefault(outcome, []).append((-count, camera, problem))
        return [
            (outcome, camera, problem, -negative / over_s)
            for outcome, found in sorted(by_outcome.items())
            for negative, camera, problem in nsmallest(WORST, found)
        ]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """For a scrape."""
        family = GaugeMetricFamily(CAMERA_PROBLEMS_TOP.name, CAMERA_PROBLEMS_TOP.help, labels=CAMERA_PROBLEMS_TOP.labels)
        for outcome, camera, problem, rate in self.worst():
            family.add_metric((camera, outcome, problem), rate)
        return [family]

    def _turn(self, now: float) -> None:
        if now - self._since >= _WINDOW_S:
            stale = now - self._since >= 2 * _WINDOW_S
            self._before, self._before_since = (Counter(), now) if stale else (self._now, self._since)
            self._now, self._since = Counter(), now
