"""Which of the waiting jobs may start now; the others learn what they wait for. What is asked of each stands in trigger/policy.py."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from contracts.errors import KeepsightError, StoreError, VersionError
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs import telling
from retrain.jobs.conclusion import Conclusions
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.metrics import Instruments
from retrain.state.journal import Journal
from retrain.trigger.policy import Limits, Situation, hold, moot
from retrain.trigger.regimes import asks


@dataclass(frozen=True, slots=True)
class Starts:
    """Called inside the service's transaction. `owner` names this life of the service."""

    limits: Limits
    owner: str
    jobs: Jobs
    labels: Labels
    journal: Journal
    repository: ModelRepository
    instruments: Instruments
    conclusions: Conclusions

    def look(self, now: float, rollout: str | None) -> None:
        """Start the oldest job that nothing holds, if there is one. `rollout` is the version that is being rolled out."""
        waiting = self.jobs.waiting()
        if not waiting:
            return
        champion, others, faulty = self.champion(), self.jobs.recent(), self.labels.faulty()
        situation = Situation(now, champion, others, rollout, sys.maxsize, faulty, self._archived(waiting, now))
        for job in waiting:
            if self._consider(job, situation):
                return

    def _consider(self, job: Job, situation: Situation) -> bool:
        """Labels are counted where nothing else holds the job.

        One that waits for more of them may go on when people have looked at all that were doubted, too.
        """
        now, new = situation.now, job.labels_seen
        if reason := moot(job, situation.champion):
            self.conclusions.put_aside(job, reason, now)
            return False
        asking = msgspec.structs.replace(job, lacks="") if job.lacks and self.labels.doubts.settled() else job
        wait = hold(asking, self.limits, situation)
        if wait is None:
            new = self.labels.count_new(job.since, job.excluded)
            wait = hold(asking, self.limits, replace(situation, new_labels=new))
        if wait is None:
            self._start(job, situation.champion or "", new, now)
            return True
        tenth = max(1, self.limits.labels_wanted // 10)
        if job.hold != wait.kind or (wait.kind == "labels" and new // tenth != job.labels_seen // tenth):
            if job.hold != wait.kind:
                self.instruments.holds.labels(wait.kind).inc()
            held = msgspec.structs.replace(job, state="held", hold=wait.kind, detail=wait.reason, labels_seen=new)
            telling.advanced(self.journal, self.jobs.save(held), now)
        return False

    def _start(self, job: Job, champion: str, new: int, now: float) -> None:
        started = msgspec.structs.replace(
            job,
            state="running",
            version=champion,
            hold="",
            detail=f"{new} new labels: training begins",
            round=job.round + bool(job.lacks),
            lacks="",
            labels_seen=new,
            steps_read=0,
            attempt_from_s=job.device_s,
            started_at=job.started_at or now,
            owner=self.owner,
            fence=job.fence + 1,
        )
        self.labels.doubts.found(())  # what is doubted is judged anew
        telling.advanced(self.journal, self.jobs.save(started), now)

    def _archived(self, waiting: Sequence[Job], now: float) -> frozenset[str]:
        """Of the versions that waiting jobs could be offered those that are in the repository."""
        asked = {job.recurs for job in waiting if asks(job, self.limits.recurs_offer_s, now)}
        try:
            return frozenset(version for version in sorted(asked) if self.repository.has(self.journal.model, version))
        except VersionError:
            return frozenset()  # what the request names is no version's name

    def champion(self) -> str | None:
        """The version that answers; None before the first. Raises StoreError when the repository does not answer."""
        try:
            return self.repository.channels(self.journal.model).champion
        except VersionError:
            return None
        except KeepsightError as error:
            raise StoreError(f"the champion cannot be read: {error}") from error
