"""Watches the training process of the job that runs, and reads its steps. Which job may start stands in starting.py, what becomes of its end in conclusion.py.

Called every tick inside the service's transaction. A store or a cluster that does not answer holds the job, and nothing else: a version under way can be
taken back meanwhile. All that must survive is in the jobs table and the job's folder; the process handle is the only
thing in memory, and the launcher finds the process again.

Who owns the state supervises. A job that another service had been running is left alone for `lease_s`, so that one that was frozen or cut off ends its
process first. The time is measured by our own monotonic clock: no clock that was set moves it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from contracts.errors import StoreError, VersionError
from contracts.logs import Logger
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs.asking import Requests
from retrain.jobs.conclusion import Conclusions
from retrain.jobs.following import Following
from retrain.jobs.retention import Retention
from retrain.jobs.starting import Starts
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.launch.launcher import Launcher, Run
from retrain.metrics import Instruments
from retrain.registry import publish
from retrain.request import CandidateOutcome, CandidateRequest
from retrain.state.journal import Journal
from retrain.trigger.policy import Limits, request_key

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
        self._repository = repository
        self._launcher = launcher
        self._instruments = instruments
        self._log = log
        self._monotonic = monotonic
        self._requests = Requests(plan.request, plan.folder, jobs, labels)
        self._conclusions = Conclusions(
            jobs, journal, repository, instruments, self._requests, plan.attempts, plan.retry_delay_s, plan.limits.labels_more
        )
        self._starts = Starts(plan.limits, plan.owner, jobs, labels, journal, repository, instruments, self._conclusions)
        self.trouble: str | None = None
        """Why the last look got nowhere, for whoever asks whether all is well."""
        self._waited = ""
        self._following = Following(journal, instruments, monotonic)
        self._retention = Retention(plan.folder, jobs, log, monotonic)
        self._run: Run | None = None
        self._staged: Manifest | VersionError | None = None
        """What its process packaged, in the repository but for the manifest; or why that is no version."""
        self._counted_s: float | None = None
        """Up to when, by our clock, the process's time stands in the job."""
        self._foreign: tuple[str, float] | None = None
        """Whose job was found at the last look, and since when."""

    def advance(self, now: float, rollout: str | None) -> tuple[Job, CandidateOutcome] | None:
        """One look at the jobs. Returns the job and its outcome when it published a version, whose rollout is then to begin."""
        try:
            with self._journal.database.savepoint():
                published = self._look(now, rollout)
        except StoreError as error:
            self._waits(error)
            return None
        if self._waited and self.trouble is None:
            self._waited = ""
            self._log.info("training_goes_on")
        return published

    def _look(self, now: float, rollout: str | None) -> tuple[Job, CandidateOutcome] | None:
        running = self._jobs.running()
        self._instruments.in_progress.set(running is not None)
        if running is not None:
            return self._supervise(running, now)
        self._instruments.progress.set(0.0)
        if self._run is None:  # else its job was cancelled, and it is ended before another begins
            self._starts.look(now, rollout)
        return None

    def champion(self) -> str | None:
        """The version that answers; None before the first. Raises StoreError when the repository does not answer."""
        return self._starts.champion()

    def prepare(self, now: float) -> None:
        """What takes its time, outside of any transaction: end the process of a job that was cancelled, copy what an ended one packaged to the repository,
        clear away what is outdated."""
        self.trouble = None
        try:
            self._prepare(now)
        except StoreError as error:
            self._waits(error)
        self._retention.look(now)

    def _prepare(self, now: float) -> None:
        if self._run is None:
            return
        job = self._jobs.running()
        if job is None:
            self._run.stop(self._plan.stop_grace_s)
            self._forget()
            self._following.lost()
        elif job.owner == self._plan.owner and self._staged is None and self._run.ended():
            try:
                outcome = self._answer(job, self._run)
                if outcome is not None and outcome.verdict == "packaged":
                    folder = self._requests.folder(job)
                    self._staged = publish.stage(self._plan.model, job.version, outcome, folder, self._repository, now)
            except VersionError as error:
                self._staged = error

    def abandon(self) -> None:
        """The service goes away, outside of any transaction: a process of its host ends with it, which may take `stop_grace_s`; one elsewhere goes on.

        Whoever owns the state next finds it, or goes on from the job's folder.
        """
        if self._run is not None:
            self._run.abandon(self._plan.stop_grace_s)
            self._run, self._staged = None, None

    def leave(self) -> None:
        """After `abandon`: the job is nobody's, and who owns the state next goes on with it at once."""
        job = self._jobs.running()
        if job is not None and job.owner == self._plan.owner:
            self._jobs.save(msgspec.structs.replace(self._counted(job), owner=""))
            self._counted_s = None
            self._log.info("training_left", job=job.job_id, why="the service stops; it goes on with the next start")

    def _supervise(self, job: Job, now: float) -> tuple[Job, CandidateOutcome] | None:
        if job.owner != self._plan.owner:
            if self._left_alone(job):
                self._take_over(job)
            return None
        if self._run is None:
            if 0 < job.not_before - now <= self._plan.retry_delay_s:  # more than that is a clock that was set back
                return None
            self._requests.write(job)
            self._run = self._launcher.open(self._requests.place(job), self._name(job))
            self._counted_s = self._monotonic()
        ended = self._run.ended()
        before, job = job, self._following.read(self._run, job, now)
        if not ended:
            job = self._following.waits(self._run, job, now)
            if self._run.waits():
                self._counted_s = self._monotonic()  # no device is taken yet; how long it may wait is the cluster's to watch
        if job != before:
            job = self._jobs.save(self._counted(job))
        if not ended:
            if self._ran_s(job) > self._plan.job_timeout_s:
                self._run.stop(0.0)
                self._died(job, f"it took longer than {self._plan.job_timeout_s:g} s (setting job_timeout_s) and was killed", now)
            return None
        return self._finish(job, now)

    def _take_over(self, job: Job) -> None:
        """Its training process may go on where it was started under the job's fence. Elsewhere another one starts from the first step, under a new one.

        With the next look: whatever is started carries a fence that is saved.
        """
        taken = msgspec.structs.replace(job, owner=self._plan.owner)
        if not self._requests.stands(job):
            taken = msgspec.structs.replace(taken, fence=job.fence + 1, steps_read=0)
        self._jobs.save(taken)

    def _left_alone(self, job: Job) -> bool:
        """Whether the service that had it has had time enough to end its training process."""
        if not job.owner:
            return True
        if self._foreign is None or self._foreign[0] != job.owner:
            self._foreign = (job.owner, self._monotonic())
        return self._monotonic() - self._foreign[1] >= self._plan.lease_s

    def _finish(self, job: Job, now: float) -> tuple[Job, CandidateOutcome] | None:
        assert self._run is not None
        try:
            outcome = self._answer(job, self._run)
            if isinstance(self._staged, VersionError):
                raise self._staged
            if outcome is None:
                self._log.error("training_died", job=job.job_id, attempt=job.attempt, last_words=self._run.last_words())
                death = self._run.death()
                said = _with_last_line(death.detail, self._run.last_words())
                self._died(job, said, now, disrupted=death.kind == "disrupted")
                return None
            if outcome.verdict == "packaged" and self._staged is None:  # it ended after we looked: staged before the next turn
                return None
            job = self._counted(job)
            job = msgspec.structs.replace(job, device_s=max(job.device_s, outcome.device_s))
            published = self._conclusions.answered(job, outcome, self._staged, now)
        except VersionError as error:
            self._died(job, str(error), now)
            return None
        self._forget()
        self._following.stage(None)
        return published

    def _answer(self, job: Job, run: Run) -> CandidateOutcome | None:
        """The outcome of the process that this job's fence stands for. Raises VersionError for another's, and what is none."""
        outcome = run.outcome()
        if outcome is not None and outcome.fence not in (0, job.fence):
            raise VersionError(
                f"its process was started under fence {outcome.fence}, the job has {job.fence} now: nothing of it is published"
            )
        return outcome

    def _died(self, job: Job, detail: str, now: float, disrupted: bool = False) -> None:
        self._conclusions.died(self._counted(job), detail, now, disrupted)
        self._requests.forget_outcome(job)
        self._forget()
        self._following.lost()

    def _waits(self, error: StoreError) -> None:
        self.trouble = f"training waits: {error}"
        if self.trouble != self._waited:
            self._waited = self.trouble
            self._log.warning("training_waits", why=str(error))

    def _forget(self) -> None:
        self._run, self._staged, self._counted_s = None, None, None

    def _ran_s(self, job: Job) -> float:
        """Seconds of the attempt so far, under this life of the service and those before."""
        since = self._monotonic() - self._counted_s if self._counted_s is not None else 0.0
        return (job.device_s - job.attempt_from_s) / self._plan.request.devices + since

    def _counted(self, job: Job) -> Job:
        """The job with the device time since the last count: also of processes that die, and as far as we watched them."""
        if self._counted_s is None:
            return job
        seconds, self._counted_s = self._monotonic() - self._counted_s, self._monotonic()
        return msgspec.structs.replace(job, device_s=job.device_s + seconds * self._plan.request.devices)

    def _name(self, job: Job) -> str:
        """What a process is called wherever it runs, so that it is found there again."""
        key = request_key(job.job_id, str(job.round), str(job.attempt), str(job.disruptions), str(job.fence))
        return f"keepsight-{self._plan.model}-{key[:12]}"


def _with_last_line(death: str, last_words: str) -> str:
    line = last_words.splitlines()[-1].strip()[:_LAST_WORDS] if last_words else ""
    return f"{death} ({line})" if line else death
