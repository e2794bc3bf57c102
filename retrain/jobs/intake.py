"""Requests become jobs: the monitor's, a person's and the calendar's. Repeats of one episode join its job; what is asked is decided in trigger/policy.py."""

from dataclasses import dataclass

import msgspec

from contracts.events import IncidentClosed, RequestRetrain, RetrainRequested
from contracts.ids import new_id
from retrain.job import Job, Trigger
from retrain.jobs import telling
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.state.journal import Journal
from retrain.trigger.policy import request_key


@dataclass(frozen=True, slots=True)
class Intake:
    """Writes jobs. `window_s` and `labels_wanted` say which labels a request without an episode takes."""

    model: str
    jobs: Jobs
    labels: Labels
    journal: Journal
    window_s: float
    labels_wanted: int

    def requested(self, event: RetrainRequested, now: float) -> None:
        """The monitor's evidence sufficed."""
        standing = self.jobs.active(event.request_key)
        if standing is not None:
            excluded = tuple(sorted({*standing.excluded, *event.excluded_cameras}))
            self.jobs.save(msgspec.structs.replace(standing, excluded=excluded))
            self.journal.note("request_joined", now, key=event.request_key, job=standing.job_id, why=event.reason)
            return
        self._new(
            Job(
                job_id=new_id(now),
                request_key=event.request_key,
                trigger="monitor",
                version=event.version,
                reason=event.reason,
                since=event.since,
                created_at=now,
                cameras=event.cameras,
                excluded=event.excluded_cameras,
                incident_id=event.incident_id,
                cause=event.cause,
                drift_type=event.drift_type,
                recurs=event.recurs,
            ),
            event.reason,
            now,
        )

    def commanded(self, event: RequestRetrain, now: float) -> None:
        """A person asked."""
        self._without_episode("operator", request_key(self.model, "operator", event.event_id), f"{event.by}: {event.reason}", now)

    def due(self, now: float) -> None:
        """The calendar says so. One calendar job at a time waits."""
        if not any(job.trigger == "calendar" for job in self.jobs.unfinished()):
            self._without_episode("calendar", request_key(self.model, "calendar", f"{now // 60:.0f}"), "the calendar", now)

    def closed(self, event: IncidentClosed, now: float) -> None:
        """An incident is over: a job that waits because of it has nothing to mend any more."""
        for job in self.jobs.waiting():
            if job.incident_id and job.incident_id == event.incident.incident_id:
                why = f"its incident closed before it started: {event.resolution}"
                done = msgspec.structs.replace(job, state="rejected", hold="", detail=why, finished_at=now, cancelled=True)
                telling.advanced(self.journal, self.jobs.save(done), now)

    def _without_episode(self, trigger: Trigger, key: str, reason: str, now: float) -> None:
        recent = now - self.window_s
        enough = self.labels.count_new(recent, ()) >= self.labels_wanted
        job = Job(
            job_id=new_id(now),
            request_key=key,
            trigger=trigger,
            version="",
            reason=reason,
            since=recent if enough else 0.0,
            created_at=now,
        )
        self._new(job, reason, now)

    def _new(self, job: Job, why: str, now: float) -> None:
        telling.advanced(self.journal, self.jobs.save(msgspec.structs.replace(job, detail=why)), now)
