"""Supervises the job that runs: what its training process said, and its end, become rows and events. Which job may start stands in starting.py, what becomes
of its end in conclusion.py, how its process is started and looked at in attending.py.

`prepare` comes before each turn's transaction and does what takes its time, `advance` inside it enters what was seen. A store or a cluster that does not
answer holds the job, and nothing else: a version under way can be taken back meanwhile. All that must survive is in the jobs table and the job's folder.

Who owns the state supervises. A job that another service had been running is left alone for `lease_s`, so that one that was frozen or cut off ends its
process first. The time is measured by our own monotonic clock: no clock that was set moves it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from contracts.errors import StoreError, VersionError
from contracts.logs import Logger
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs.asking import Requests
from retrain.jobs.attending import Attendance, End, Look
from retrain.jobs.conclusion import Conclusions
from retrain.jobs.following import Following
from retrain.jobs.retention import Retention
from retrain.jobs.starting import Starts
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.launch.launcher import Launcher
from retrain.metrics import Instruments
from retrain.registry.leftovers import Leftovers
from retrain.request import CandidateOutcome, CandidateRequest
from retrain.state.journal import Journal
from retrain.trigger.policy import Limits

_LAST_WORDS = 400


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """See the settings of the same names. `folder` is the URL of the folder that holds one for each job, `owner` names this life of the service.

    `request` is what the settings say of every training request: what is the job's own in it is empty.
    """

    model: str
    folder: str
    owner: str
    request: CandidateRequest
    limits: Limits
    attempts: int
    retry_delay_s: float
    job_timeout_s: float
    lease_s: float
    stop_grace_s: float


class Training:
    """One training process at a time."""

    def __init__(
        self,
        plan: TrainingPlan,
        jobs: Jobs,
        labels: Labels,
        journal: Journal,
        repository: ModelRepository,
        launcher: Launcher,
        instruments: Instruments,
        log: Logger,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._jobs = jobs
        self._journal = journal
        self._instruments = instruments
        self._log = log
        self._monotonic = monotonic
        self._requests = Requests(plan.request, plan.folder, jobs, labels)
        self._attendance = Attendance(
            plan.model,
            plan.retry_delay_s,
            plan.stop_grace_s,
            jobs,
            journal.database,
            self._requests,
            repository,
            launcher,
            log,
            monotonic,
        )
        self._conclusions = Conclusions(
            jobs, journal, repository, instruments, self._requests, plan.attempts, plan.retry_delay_s, plan.limits.labels_more
        )
        self._starts = Starts(plan.limits, plan.owner, jobs, labels, journal, repository, instruments, self._conclusions)
        self.trouble: str | None = None
        """Why the last look got nowhere, for whoever asks whether all is well."""
        self._waited = ""
        self._following = Following(journal, instruments, monotonic)
        leftovers = Leftovers(plan.model, repository, journal.database, log)
        self._retention = Retention(self._requests, jobs, leftovers, log, monotonic)
        self._look: Look | None = None
        """What `prepare` saw of the process of the job that runs."""
        self._to_take: tuple[Job, bool] | None = None
        """A job that was left alone long enough, and whether its request stands here."""
        self._counted: tuple[str, float] | None = None
        """Of which process the time stands in the job, and up to when by our clock."""
        self._foreign: tuple[str, float] | None = None
        """Whose job was found at the last look, and since when."""

    def prepare(self, now: float) -> None:
        """What takes its time, outside of any transaction: start the process of the job that runs and look at it, copy what an ended one packaged to the
        repository, end those that are to end, clear away what is outdated. Raises TakenOverError."""
        self.trouble, self._look, self._to_take = None, None, None
        try:
            self._attendance.end_marked()
            job = self._jobs.running()
            if job is not None and job.owner == self._plan.owner:
                self._look = self._attendance.look(job, now)
            elif job is not None and self._left_alone(job):
                self._to_take = (job, self._requests.stands(job))
        except StoreError as error:
            self._waits(error)
        self._retention.look(now)

    def advance(self, now: float, rollout: str | None) -> tuple[Job, CandidateOutcome] | None:
        """Enter what was seen. Returns the job and its outcome when it published a version, whose rollout is then to begin."""
        try:
            with self._journal.database.savepoint():
                published = self._enter(now, rollout)
        except StoreError as error:
            self._waits(error)
            return None
        if self._waited and self.trouble is None:
            self._waited = ""
            self._log.info("training_goes_on")
        return published

    def end(self, job: Job) -> None:
        """Inside a transaction: the process of a job that runs is to end, whoever owns the state when it does. Nothing trains beside it until then."""
        self._jobs.to_end(self._attendance.name(job), self._requests.place(job))
        self._following.lost()

    def champion(self) -> str | None:
        """The version that answers; None before the first. Raises StoreError when the repository does not answer."""
        return self._starts.champion()

    def abandon(self) -> None:
        """The service goes away, outside of any transaction: a process of its host ends with it, which may take `stop_grace_s`; one elsewhere goes on.

        Whoever owns the state next finds it, or goes on from the job's folder.
        """
        self._attendance.abandon()

    def leave(self) -> None:
        """After `abandon`: the job is nobody's, and who owns the state next goes on with it at once."""
        job = self._jobs.running()
        if job is not None and job.owner == self._plan.owner:
            self._jobs.save(msgspec.structs.replace(self._timed(job), owner=""))
            self._counted = None
            self._log.info("training_left", job=job.job_id, why="the service stops; it goes on with the next start")

    def _enter(self, now: float, rollout: str | None) -> tuple[Job, CandidateOutcome] | None:
        running = self._jobs.running()
        self._instruments.in_progress.set(running is not None)
        if running is None:
            self._instruments.progress.set(0.0)
            if not self._jobs.ending():
                self._starts.look(now, rollout)
        elif self._to_take is not None and self._to_take[0] == running:
            self._take_over(running, self._to_take[1])
        elif self._look is not None and self._look.name == self._attendance.name(running):
            return self._supervise(running, self._look, now)
        return None

    def _supervise(self, job: Job, look: Look, now: float) -> tuple[Job, CandidateOutcome] | None:
        if look.waits or self._counted is None or self._counted[0] != look.name:
            self._counted = (
                look.name,
                self._monotonic(),
            )  # while it waits no device is taken; how long it may is the cluster's to watch
        before, job = job, self._following.read(look.progress, job, now)
        if look.end is None:
            job = self._following.waits(look.waits, job, now)
        if job != before:
            job = self._jobs.save(self._timed(job))
        if look.end is not None:
            return self._finish(job, look.end, now)
        if self._ran_s(job) > self._plan.job_timeout_s:
            self.end(job)
            self._died(job, f"it took longer than {self._plan.job_timeout_s:g} s (setting job_timeout_s) and is ended", now)
        return None

    def _take_over(self, job: Job, stands: bool) -> None:
        """Its training process may go on where it was started under the job's fence. Elsewhere another one starts from the first step, under a new one.

        With the next look: whatever is started carries a fence that is saved.
        """
        taken = msgspec.structs.replace(job, owner=self._plan.owner)
        if not stands:
            taken = msgspec.structs.replace(taken, fence=job.fence + 1, steps_read=0)
        self._jobs.save(taken)

    def _left_alone(self, job: Job) -> bool:
        """Whether the service that had it has had time enough to end its training process."""
        if not job.owner:
            return True
        if self._foreign is None or self._foreign[0] != job.owner:
            self._foreign = (job.owner, self._monotonic())
        return self._monotonic() - self._foreign[1] >= self._plan.lease_s

    def _finish(self, job: Job, end: End, now: float) -> tuple[Job, CandidateOutcome] | None:
        if end.outcome is None:
            detail, disrupted = end.fault, False
            if end.death is not None:
                self._log.error("training_died", job=job.job_id, attempt=job.attempt, last_words=end.last_words)
                detail, disrupted = _with_last_line(end.death.detail, end.last_words), end.death.kind == "disrupted"
            self._died(job, detail, now, disrupted)
            return None
        job = self._timed(job)
        job = msgspec.structs.replace(job, device_s=max(job.device_s, end.outcome.device_s))
        try:
            published = self._conclusions.answered(job, end.outcome, end.staged, end.labels_tried, now)
        except VersionError as error:
            self._attendance.refuse(str(error))
            return None
        self._following.stage(None)
        return published

    def _died(self, job: Job, detail: str, now: float, disrupted: bool = False) -> None:
        self._conclusions.died(self._timed(job), detail, now, disrupted)
        self._following.lost()

    def _waits(self, error: StoreError) -> None:
        self.trouble = f"training waits: {error}"
        if self.trouble != self._waited:
            self._waited = self.trouble
            self._log.warning("training_waits", why=str(error))

    def _ran_s(self, job: Job) -> float:
        """Seconds of the attempt so far, under this life of the service and those before."""
        since = self._monotonic() - self._counted[1] if self._counted is not None else 0.0
        return (job.device_s - job.attempt_from_s) / self._plan.request.devices + since

    def _timed(self, job: Job) -> Job:
        """The job with the device time since the last count: also of processes that die, and as far as we watched them."""
        name = self._attendance.name(job)
        if self._counted is None or self._counted[0] != name:
            return job
        seconds, self._counted = self._monotonic() - self._counted[1], (name, self._monotonic())
        return msgspec.structs.replace(job, device_s=job.device_s + seconds * self._plan.request.devices)


def _with_last_line(death: str, last_words: str) -> str:
    line = last_words.splitlines()[-1].strip()[:_LAST_WORDS] if last_words else ""
    return f"{death} ({line})" if line else death
