"""The table of training jobs: what was asked, where each stands, and who may run it now.

One job a model runs at a time. Whoever runs it renews a lease; a lease that ran out is taken over, and one that was taken over can no longer be
renewed, so that of two services only the holder publishes.
"""

from typing import Final, Literal

import msgspec

from contracts.events import JobState
from retrain.database import Database

Trigger = Literal["monitor", "operator", "calendar"]
WAITING: Final = ("queued", "held")
OVER: Final = ("succeeded", "rejected", "failed")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A training job. Times are Unix seconds; `version` is the champion that the request speaks of ("" asks for whichever serves)."""

    job_id: str
    request_key: str
    trigger: Trigger
    version: str
    reason: str
    since: float
    created_at: float
    cameras: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    incident_id: str = ""
    state: JobState = "queued"
    hold: str = ""
    """What it waits for, from a closed set (see triggers.py)."""
    detail: str = ""
    step: str = ""
    attempt: int = 1
    round: int = 1
    """Training requests made of it: one more each time the training process held for more labels."""
    labels_seen: int = 0
    """Labels that its last word about waiting counted."""
    labels_tried: int = 0
    """New labels that the last held round had."""
    steps_read: int = 0
    """Bytes of the training process's step lines that were turned into events."""
    not_before: float = 0.0
    """When a failed attempt may be repeated."""
    started_at: float | None = None
    finished_at: float | None = None
    cancelled: bool = False
    """It ended because nobody wanted it any more: no run to be counted."""
    candidate: str = ""
    rolled_back: bool = False
    owner: str = ""
    lease_until: float = 0.0

    @property
    def over(self) -> bool:
        """Whether it came to an end."""
        return self.state in OVER


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
