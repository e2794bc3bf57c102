"""How much training a model gets: runs in a week and minutes of devices in a month, counted from the jobs' rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from retrain.job import Job
from retrain.trigger.hold import Hold

WEEK_S: Final = 7 * 86_400.0
MONTH_S: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Budget:
    """See the settings of the same names; `device_minutes_per_month` 0: no limit."""

    runs_per_week: int
    device_minutes_per_month: float = 0.0


class Used(NamedTuple):
    """Runs started in the last seven days, and device minutes of those started in the last thirty."""

    runs: int
    device_minutes: float


def used(jobs: Sequence[Job], now: float) -> Used:
    """What jobs took until `now` (Unix seconds). A running one counts by its time so far; what a person asked for counts, too."""
    started = [(job, job.started_at) for job in jobs if job.started_at is not None]
    minutes = sum(_device_s(job, now) for job, at in started if at > now - MONTH_S) / 60
    return Used(sum(at > now - WEEK_S for _, at in started), minutes)


def spent(jobs: Sequence[Job], budget: Budget, now: float) -> Hold | None:
    """Why nothing is left for another run; None while something is."""
    runs, _ = used(jobs, now)
    if runs >= budget.runs_per_week:
        return Hold("budget", f"{runs} runs in the last week, {budget.runs_per_week} are allowed (setting runs_per_week)")
    return overdrawn(jobs, budget, now)


def overdrawn(jobs: Sequence[Job], budget: Budget, now: float) -> Hold | None:
    """Why no device time is left, also for a further round of a run that began; None while some is."""
    _, minutes = used(jobs, now)
    if 0 < budget.device_minutes_per_month <= minutes:
        allowed = f"{budget.device_minutes_per_month:g} are allowed (setting device_minutes_per_month)"
        return Hold("budget", f"{minutes:.0f} device minutes in the last 30 days, {allowed}")
    return None


def _device_s(job: Job, now: float) -> float:
    """What is not counted yet of a running job's first round is the time since it started."""
    if job.state != "running" or job.started_at is None or job.round > 1:
        return job.device_s
    return max(job.device_s, now - job.started_at)
