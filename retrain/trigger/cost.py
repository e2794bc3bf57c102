"""Whether a retraining pays: what wrong answers cost until the horizon, beside the labels that are still to be made and the device's time.

Off until its settings are given. It weighs requests that say how much harm there is, which the monitor's do; a person's, the calendar's and a new class
have other reasons than the errors of today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from retrain.job import Job
from retrain.trigger.hold import Hold


@dataclass(frozen=True, slots=True)
class Costs:
    """In any currency: of a wrong answer, of a label, of an hour of a device. `frames_per_day` counts all cameras."""

    error: float
    label: float
    device_hour: float
    frames_per_day: float
    horizon_days: float


def unpaid(job: Job, labels_left: int, runs: Sequence[Job], costs: Costs) -> Hold | None:
    """Why the job does not pay, with both sums; None when it does or cannot be weighed. `labels_left` are to be made yet, `runs` went before."""
    if job.harm is None:
        return None
    errors = job.harm * costs.frames_per_day * costs.horizon_days
    hours = usual_device_s(runs) / 3600
    benefit, cost = errors * costs.error, labels_left * costs.label + hours * costs.device_hour
    if benefit > cost:
        return None
    harm = f"{job.harm:.2%} of answers wrong beyond what is tolerated are {errors:.0f} in {costs.horizon_days:g} days, worth {benefit:.2f}"
    return Hold("cost", f"it does not pay: {harm}; {labels_left} labels and {hours:.2f} device hours cost {cost:.2f}")


def usual_device_s(runs: Sequence[Job]) -> float:
    """Device seconds that a run takes: the median of those that ended; 0 before the first."""
    return median([job.device_s for job in runs if job.over and job.device_s > 0] or [0.0])
