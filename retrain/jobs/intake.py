"""Requests become jobs: the monitor's, a person's, the calendar's and a new class's. Repeats of one episode join its job, and one that nothing mended goes on
with another; whether a job may start is decided in trigger/policy.py."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from contracts.errors import StoreError
from contracts.events import IncidentClosed, RequestRetrain, RetrainRequested
from contracts.ids import new_id
from retrain.job import WAITING, Job, Trigger
from retrain.jobs import telling
from retrain.jobs.new_class import NewClasses
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.state.journal import Journal
from retrain.trigger.clock import Watch
from retrain.trigger.episodes import successor, unsettled
from retrain.trigger.policy import request_key

_LOOKED_AT: Final = 20
"""Newest jobs that an open episode's last one is among: runs are some a week."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Writes jobs. `window_s` and `labels_wanted` say which labels a request without an episode takes, `champion` which version answers."""

    model: str
    jobs: Jobs
    labels: Labels
    journal: Journal
    window_s: float
    labels_wanted: int
    new_classes: NewClasses
    champion: Callable[[], str | None]
    monotonic: Callable[[], float] = time.monotonic
    watch: Watch = field(default_factory=Watch)

    def requested(self, event: RetrainRequested, now: float) -> None:
        """The monitor's evidence sufficed."""
        self._joined_or_new(
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
                harm=event.harm,
            ),
            now,
        )

    def commanded(self, event: RequestRetrain, now: float) -> None:
        """A person asked. While a person's job waits, others join it: who asks twice wants one version."""
        why = f"{event.by}: {event.reason}"
        standing = next((job for job in self.jobs.waiting() if job.trigger == "operator"), None)
        if standing is not None:
            self.journal.note(
                "request_joined", now, key=standing.request_key, job=standing.job_id, by=event.by, order=event.event_id, why=why
            )
            return
        self._without_episode("operator", request_key(self.model, "operator", event.event_id), why, now, event.by)

    def due(self, now: float) -> None:
        """The calendar says so. One calendar job at a time waits."""
        if not any(job.trigger == "calendar" for job in self.jobs.unfinished()):
            self._without_episode("calendar", request_key(self.model, "calendar", f"{now // 60:.0f}"), "the calendar", now)

    def look(self, now: float, rollout: str | None) -> None:
        """What asks by itself: episodes that nothing mended, and labels of a new class. A clock that was set is kept in the ledger.

        While the repository does not say who the champion is, nothing is asked; training says that it is away.
        """
        if moved_s := self.watch.moved_s(now, self.monotonic()):
            self.journal.note("clock_moved", now, why=f"the clock moved by {moved_s:+,.0f} s since the last look")
        with contextlib.suppress(StoreError), self.journal.database.savepoint():
            self._ask(now, rollout)

    def closed(self, event: IncidentClosed, now: float) -> None:
        """An incident is over: a job that waits because of it has nothing to mend any more, and none follows one that is over."""
        for job in self._of_incident(event.incident.incident_id):
            settled = msgspec.structs.replace(job, settled=True)
            if job.state not in WAITING:
                self.jobs.save(settled)
                continue
            why = f"its incident closed before it started: {event.resolution}"
            done = msgspec.structs.replace(settled, state="rejected", hold="", detail=why, finished_at=now, cancelled=True)
            telling.advanced(self.journal, self.jobs.save(done), now)

    def _ask(self, now: float, rollout: str | None) -> None:
        jobs = self.jobs.recent(_LOOKED_AT)
        for last in unsettled(jobs) if rollout is None else ():
            if last.version == self.champion():
                self._new(successor(last, new_id(now), now), now)
            else:
                self.jobs.save(msgspec.structs.replace(last, settled=True))
        wanted = self.new_classes.wanted(now)
        if wanted is None:
            return
        episode = [job for job in jobs if job.request_key == wanted.request_key]
        if not episode or not all(
            job.over for job in episode
        ):  # after one that ended another follows as above, or a person's word is awaited
            self._joined_or_new(msgspec.structs.replace(wanted, job_id=new_id(now)), now)

    def _without_episode(self, trigger: Trigger, key: str, reason: str, now: float, by: str = "") -> None:
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
            by=by,
        )
        self._new(job, now)

    def _of_incident(self, incident_id: str) -> list[Job]:
        return [job for job in self.jobs.recent(_LOOKED_AT) if incident_id and job.incident_id == incident_id]

    def _joined_or_new(self, job: Job, now: float) -> None:
        """An episode, or an incident whose job waits, has one job; what the newer request knows is told to it."""
        standing = self.jobs.active(job.request_key) or next(
            (one for one in self._of_incident(job.incident_id) if one.state in WAITING and one.version == job.version), None
        )
        if standing is None:
            self._new(job, now)
            return
        after = msgspec.structs.replace(
            standing,
            excluded=tuple(sorted({*standing.excluded, *job.excluded})),
            harm=job.harm if job.harm is not None else standing.harm,
            cause=job.cause or standing.cause,
            new_classes=tuple(dict.fromkeys([*standing.new_classes, *job.new_classes])),
        )
        if after != standing or job.trigger == "monitor":
            self.jobs.save(after)
            self.journal.note("request_joined", now, key=standing.request_key, job=standing.job_id, why=job.reason)

    def _new(self, job: Job, now: float) -> None:
        telling.advanced(self.journal, self.jobs.save(msgspec.structs.replace(job, detail=job.reason)), now)
