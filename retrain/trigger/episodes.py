"""An episode that goes on: a candidate that was refused, or taken back, has mended nothing, and while its incident is open another one follows.

The monitor asks once an episode. The cooldown, and labels beside those that were tried, come before the next attempt: the same labels would give the
same candidate. A job that failed is a person's to mend: nothing follows by itself.
"""

from collections.abc import Sequence

from retrain.job import Job


def unsettled(jobs: Sequence[Job]) -> list[Job]:
    """The last job of each episode that needs another one while its version is the champion. `jobs` are in the order of their making."""
    last = {job.request_key: job for job in jobs}
    return [job for job in last.values() if job.incident_id and not job.settled and _refused(job)]


def successor(job: Job, job_id: str, now: float) -> Job:
    """The next job of an episode."""
    return Job(
        job_id=job_id,
        request_key=job.request_key,
        trigger=job.trigger,
        version=job.version,
        reason=job.reason,
        since=job.since,
        created_at=now,
        cameras=job.cameras,
        excluded=job.excluded,
        incident_id=job.incident_id,
        cause=job.cause,
        drift_type=job.drift_type,
        harm=job.harm,
        new_classes=job.new_classes,
        labels_tried=max(job.labels_tried, job.labels_seen),
        lacks=f"job {job.job_id} mended nothing ({'taken back' if job.rolled_back else job.detail})",
    )


def _refused(job: Job) -> bool:
    if job.cancelled:
        return False
    return job.state == "rejected" or (job.state == "succeeded" and job.rolled_back)
