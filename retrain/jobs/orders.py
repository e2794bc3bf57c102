"""What a person orders of a job: to train with too few labels of a class, or to end. An order that nothing waits for is kept in the ledger with the reason."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from contracts.events import CancelJob, OverrideCounts
from retrain.job import Job
from retrain.jobs import telling
from retrain.jobs.table import Jobs
from retrain.state.journal import Journal

Order = OverrideCounts | CancelJob


@dataclass(frozen=True, slots=True)
class JobOrders:
    """Called inside the service's transaction. `end` marks the process of a job that runs to be ended."""

    jobs: Jobs
    journal: Journal
    end: Callable[[Job], None]

    def carry_out(self, order: Order, now: float) -> None:
        """Do what is asked, or keep why not."""
        job = self.jobs.get(order.job_id)
        if refusal := _refusal(order, job):
            asked = {"command": type(order).__name__.lower(), "order": order.event_id, "job": order.job_id, "by": order.by}
            self.journal.note("command_refused", now, **asked, why=refusal)
            return
        assert job is not None  # else it was refused
        who = f"{order.by}: {order.reason}"
        kind = "job_cancelled" if isinstance(order, CancelJob) else "counts_overridden"
        about = {"order": order.event_id, "job": job.job_id, "key": job.request_key}
        self.journal.note(kind, now, **about, by=order.by, why=order.reason)
        if isinstance(order, CancelJob) and job.state == "running":
            self.end(job)
        after = _cancelled(job, who, now) if isinstance(order, CancelJob) else _overridden(job, who)
        telling.advanced(self.journal, self.jobs.save(after), now)


def _refusal(order: Order, job: Job | None) -> str:
    """Why an order changes nothing; "" when it does."""
    if job is None:
        return f"there is no job {order.job_id}"
    if job.over:
        return f"job {job.job_id} is over: {job.state}"
    if not (order.by and order.reason):
        return "it needs a name and a reason"
    return ""


def _overridden(job: Job, who: str) -> Job:
    """A round that was held is made anew with the labels that are there; one that runs stays, and the word counts from its next round on."""
    allowed = msgspec.structs.replace(job, override=who, detail=f"may train with too few labels of a class ({who})")
    if not job.lacks:
        return allowed
    return msgspec.structs.replace(allowed, lacks="", hold="", state="queued", round=job.round + 1)


def _cancelled(job: Job, who: str, now: float) -> Job:
    return msgspec.structs.replace(
        job, state="rejected", hold="", detail=f"cancelled by {who}", cancelled=True, finished_at=now, owner=""
    )
