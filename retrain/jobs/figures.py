"""What the jobs' rows say as metrics, also after a restart: what waits and what for, labels that are asked for, the budget, how the last runs ended."""

import time
from collections.abc import Callable
from typing import Final, get_args

from retrain.jobs.table import Jobs
from retrain.metrics import Instruments
from retrain.trigger.budget import used
from retrain.trigger.clock import believed
from retrain.trigger.hold import HoldKind
from retrain.trigger.policy import Limits, rejections

_EVERY_S: Final = 5.0
"""A scrape comes every 15; of 500 jobs a look takes some milliseconds."""


class Figures:
    """Gauges of the jobs."""

    def __init__(
        self, jobs: Jobs, limits: Limits, instruments: Instruments, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs = jobs
        self._limits = limits
        self._instruments = instruments
        self._monotonic = monotonic
        self._shown_s: float | None = None
        instruments.budget_limit.labels("runs_7d").set(limits.runs_per_week)
        if limits.device_minutes_per_month:
            instruments.budget_limit.labels("device_minutes_30d").set(limits.device_minutes_per_month)

    def show(self, now: float) -> None:
        """Bring them up to date, now and then."""
        if self._shown_s is not None and self._monotonic() - self._shown_s < _EVERY_S:
            return
        self._shown_s = self._monotonic()
        jobs, instruments = self._jobs.recent(), self._instruments
        holds = [job.hold for job in jobs if job.state == "held"]
        for kind in get_args(HoldKind):
            instruments.held.labels(kind).set(holds.count(kind))
        wanting = [job for job in jobs if job.state == "held" and job.hold == "labels"]
        instruments.labels_wanted.set(max((self._limits.labels_wanted - job.labels_seen for job in wanting), default=0))
        so_far = used(*believed(jobs, now))
        instruments.budget_used.labels("runs_7d").set(so_far.runs)
        instruments.budget_used.labels("device_minutes_30d").set(so_far.device_minutes)
        instruments.consecutive_failures.set(rejections(jobs))
        instruments.last_success.set(max((job.finished_at or 0.0 for job in jobs if job.state == "succeeded"), default=0.0))
        instruments.gate_uses.set(self._jobs.most_gate_uses())
