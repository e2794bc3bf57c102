"""The table of training jobs: what was asked, where each stands, and who may run it now.

One job a model runs at a time. Whoever runs it renews a lease; a lease that ran out is taken over, and one that was taken over can no longer be
renewed, so that of two services only the holder publishes.
"""

import msgspec

from retrain.job import WAITING, Job
from retrain.state.database import Database


class Jobs:
    """The jobs in the service's database."""

    def __init__(self, database: Database) -> None:
        self._sql = database.sql

    def save(self, job: Job) -> Job:
        """Write a job as it is now."""
        row = (job.job_id, job.request_key, job.state, job.owner, job.lease_until, msgspec.json.encode(job))
        self._sql.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)", row)
        return job

    def all(self) -> tuple[Job, ...]:
        """Every job, oldest first (ids sort by time)."""
        rows = self._sql.execute("SELECT body FROM jobs ORDER BY job_id")
        return tuple(msgspec.json.decode(row[0], type=Job) for row in rows)

    def active(self, request_key: str) -> Job | None:
        """The unfinished job of an episode."""
        return next((job for job in self.all() if job.request_key == request_key and not job.over), None)

    def running(self) -> Job | None:
        """The one that trains now."""
        return next((job for job in self.all() if job.state == "running"), None)

    def waiting(self) -> tuple[Job, ...]:
        """Those that wait for their turn or for labels, oldest first."""
        return tuple(job for job in self.all() if job.state in WAITING)

    def lease(self, job: Job, owner: str, now: float, lease_s: float) -> Job | None:
        """Take or renew the lease; None while another holds it (or took it over)."""
        if job.owner not in ("", owner) and job.lease_until > now:
            return None
        return self.save(msgspec.structs.replace(job, owner=owner, lease_until=now + lease_s))

    def mark_rolled_back(self, job_id: str) -> None:
        """Its version was taken back, or refused: to the policy it is a run that failed."""
        job = next((job for job in self.all() if job.job_id == job_id), None)
        if job is not None:
            self.save(msgspec.structs.replace(job, rolled_back=True))
