"""Whether a training job may start now: the pure policy between a request and the machine time that it would cost.

`hold` says why a waiting job must wait, `moot` why it need not be done at all. Every answer is a sentence for a person and a kind for a metric; the
service asks again as time passes and labels arrive. On simulated quiet days the cooldown alone still retrains: it is the monitor's persistence that
keeps quiet days quiet, and this policy that keeps a noisy one from training twice.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from retrain.job import Job
from retrain.trigger.budget import Budget, overdrawn, spent
from retrain.trigger.clock import believed
from retrain.trigger.cost import Costs, unpaid
from retrain.trigger.hold import Hold
from retrain.trigger.regimes import offered


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and on how much a model may be retrained; see the settings of the same names."""

    cooldown_s: float
    rejected_cooldown_s: float
    rejected_cooldown_max_s: float
    runs_per_week: int
    labels_wanted: int
    labels_more: int
    device_minutes_per_month: float = 0.0
    recurs_offer_s: float = 0.0
    costs: Costs | None = None
    """None: nothing is weighed."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision sees. `new_labels` counts the job's own usable labels; `rollout` is the version being rolled out, `archived` can be offered."""

    now: float
    champion: str | None
    jobs: Sequence[Job]
    rollout: str | None
    new_labels: int
    faulty: frozenset[str]
    archived: frozenset[str] = frozenset()


def request_key(*parts: str) -> str:
    """The key of an episode: repeats of the same parts join one job."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def moot(job: Job, champion: str | None) -> str | None:
    """Why a waiting job is no longer wanted; None while it is."""
    if champion and job.version and job.version != champion:
        return f"the request speaks of version {job.version}; the champion is {champion} by now"
    return None


def hold(job: Job, limits: Limits, situation: Situation) -> Hold | None:
    """Why a waiting job may not start now; None when it may. A person's request passes the cooldown, the budget and the offer of an old version.

    More labels never turn a start into a hold.
    """
    others, now = believed([one for one in situation.jobs if one.job_id != job.job_id], situation.now)
    if situation.champion is None:
        return Hold("no_champion", "the model has no champion yet: import or bootstrap a version first")
    if active := next((one for one in situation.jobs if one.state == "running" and one.job_id != job.job_id), None):
        return Hold("job_active", f"job {active.job_id} is training: one at a time")
    if situation.rollout is not None:
        return Hold("rollout_active", f"version {situation.rollout} is being rolled out: its end is awaited")
    if job.trigger != "operator":
        budget = Budget(limits.runs_per_week, limits.device_minutes_per_month)
        if job.started_at is not None:
            wait = overdrawn([*others, job], budget, now)
        else:
            wait = (
                offered(job, situation.champion, situation.archived, limits.recurs_offer_s, now)
                or _cooldown(others, limits, now)
                or spent(others, budget, now)
            )
        if wait:
            return wait
    barred = situation.faulty | frozenset(job.excluded)
    cameras = (
        job.cameras or job.excluded
    )  # the monitor leaves those out that had a fault since the change began: it may have been all of them
    if cameras and barred.issuperset(cameras):
        named = ", ".join(sorted(cameras))
        return Hold("camera_fault", f"every camera of the request has a fault, or had one since the change began: {named}")
    if job.lacks and job.labels_tried + limits.labels_more > situation.new_labels:
        return Hold("data", lacking(job.lacks, job.labels_tried, limits.labels_more))
    labels_left = max(0, limits.labels_wanted - situation.new_labels)
    if limits.costs is not None and job.started_at is None and (wait := unpaid(job, labels_left, others, limits.costs)):
        return wait
    if labels_left:
        return Hold("labels", f"waiting for labels: {situation.new_labels} of {limits.labels_wanted}")
    return None


def lacking(why: str, tried: int, more: int) -> str:
    """What a round lacked, and what ends the wait: `more` new labels beside those that were `tried`."""
    return f"{why}; it is tried again with {tried + more} new labels, {tried} were tried"


def rejections(jobs: Sequence[Job]) -> int:
    """Runs in a row, up to now, whose candidate was refused, failed or was rolled back."""
    count = 0
    for job in sorted(_finished_runs(jobs), key=_end, reverse=True):
        if job.state == "succeeded" and not job.rolled_back:
            break
        count += 1
    return count


def _cooldown(others: Sequence[Job], limits: Limits, now: float) -> Hold | None:
    runs = _finished_runs(others)
    if not runs:
        return None
    refused = rejections(others)
    wait_s = limits.cooldown_s
    if refused:
        wait_s = min(limits.rejected_cooldown_s * 2 ** (refused - 1), limits.rejected_cooldown_max_s)
    left_s = max(_end(job) for job in runs) + wait_s - now
    if left_s <= 0:
        return None
    after = f"{refused} refused candidate{'s' if refused > 1 else ''} in a row" if refused else "the last run"
    return Hold("cooldown", f"cooldown of {wait_s:g} s after {after}: {left_s:.0f} s left")


def _finished_runs(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if job.finished_at is not None and job.started_at is not None and not job.cancelled]


def _end(job: Job) -> float:
    return job.finished_at or 0.0
