"""Carries jobs through: starts the one that may start, watches its training process and reads its steps. What becomes of its end stands in conclusion.py.

Called every tick inside the service's transaction. All that must survive is in the jobs table and the job's folder; the process handle is the only
thing in memory, and launch/local.py finds the process again.

Who owns the state supervises. A job that another service had been running is left alone for `lease_s`, so that one that was frozen or cut off ends its
process first. The time is measured by our own monotonic clock: no clock that was set moves it.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from contracts.errors import KeepsightError, StoreError, VersionError
from contracts.files import Folder
from contracts.logs import Logger
from contracts.manifest import Manifest
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs import telling
from retrain.jobs.conclusion import Conclusions
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.launch.launcher import Launcher, Run
from retrain.metrics import Instruments
from retrain.registry import publish
from retrain.request import OUTCOME, REQUEST, CandidateOutcome, CandidateRequest, GatePolicy, Step
from retrain.state.journal import Journal
from retrain.trigger.policy import Limits, Situation, hold, moot, request_key
from retrain.trigger.regimes import asks

_PROGRESS_EVERY_S = 1.0
_LAST_WORDS = 400


class _Fenced(msgspec.Struct):
    """All that a look at a request of megabytes needs."""

    fence: int = 0


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """See the settings of the same names. `folder` holds a folder per job, `owner` names this life of the service, `ask`: a person may be asked."""

    model: str
    folder: Path
    frame_store: str
    owner: str
    limits: Limits
    seed: int
    threads: int
    min_train_per_class: int
    min_gate: int
    replay_share: float
    attempts: int
    retry_delay_s: float
    job_timeout_s: float
    lease_s: float
    stop_grace_s: float
    ask: bool = False
    gates: GatePolicy = "small_sets"


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
        self._labels = labels
        self._journal = journal
        self._repository = repository
        self._launcher = launcher
        self._instruments = instruments
        self._log = log
        self._monotonic = monotonic
        self._conclusions = Conclusions(jobs, journal, repository, instruments, self.folder, plan.attempts, plan.retry_delay_s)
        self._run: Run | None = None
        self._staged: Manifest | VersionError | None = None
        """What its process packaged, in the repository but for the manifest; or why that is no version."""
        self._opened_s = 0.0
        self._said_s = 0.0
        self._stage: tuple[str, float] | None = None
        self._foreign: tuple[str, float] | None = None
        """Whose job was found at the last look, and since when."""

    def advance(self, now: float, rollout: str | None) -> tuple[Job, CandidateOutcome] | None:
        """One look at the jobs. Returns the job and its outcome when it published a version, whose rollout is then to begin."""
        running = self._jobs.running()
        self._instruments.in_progress.set(running is not None)
        if running is not None:
            return self._supervise(running, now)
        self._instruments.progress.set(0.0)
        if self._run is not None:  # its job was cancelled
            self._run.stop(0.0)
            self._run, self._staged = None, None
        waiting = self._jobs.waiting()
        if waiting:
            champion, others, faulty = self.champion(), self._jobs.recent(), self._labels.faulty()
            situation = Situation(now, champion, others, rollout, sys.maxsize, faulty, self._archived(waiting, now))
            for job in waiting:
                if self._consider(job, situation):
                    break
        return None

    def stage(self, now: float) -> None:
        """Copy what an ended process packaged into the repository, outside of any transaction: it takes as long as its bytes take.

        Raises StoreError while a store does not answer.
        """
        if self._run is None or self._staged is not None or not self._run.ended():
            return
        job = self._jobs.running()
        if job is None or job.owner != self._plan.owner:
            return
        try:
            outcome = self._answer(job, self._run)
            if outcome is not None and outcome.verdict == "packaged":
                folder = Folder(str(self.folder(job)))
                self._staged = publish.stage(self._plan.model, job.version, outcome, folder, self._repository, now)
        except VersionError as error:
            self._staged = error

    def stop(self) -> None:
        """End the training process in order, outside of any transaction: it may take `stop_grace_s`. The job can go on from its folder."""
        if self._run is not None:
            self._run.stop(self._plan.stop_grace_s)
            self._run, self._staged = None, None

    def leave(self) -> None:
        """After `stop`: the job is nobody's, and who owns the state next goes on with it at once."""
        job = self._jobs.running()
        if job is not None and job.owner == self._plan.owner:
            self._jobs.save(msgspec.structs.replace(job, owner=""))
            self._log.info("training_interrupted", job=job.job_id, why="the service stops; it resumes with the next start")

    def _consider(self, job: Job, situation: Situation) -> bool:
        """Labels are counted where nothing else holds the job: a hundred thousand take 26 ms, and they would be counted every tick."""
        now, new = situation.now, job.labels_seen
        if reason := moot(job, situation.champion):
            self._conclusions.put_aside(job, reason, now)
            return False
        wait = hold(job, self._plan.limits, situation)
        if wait is None:
            new = self._labels.count_new(job.since, job.excluded)
            wait = hold(job, self._plan.limits, replace(situation, new_labels=new))
        if wait is None:
            self._start(job, situation.champion or "", new, now)
            return True
        tenth = max(1, self._plan.limits.labels_wanted // 10)
        if job.hold != wait.kind or (wait.kind == "labels" and new // tenth != job.labels_seen // tenth):
            if job.hold != wait.kind:
                self._instruments.holds.labels(wait.kind).inc()
            held = msgspec.structs.replace(job, state="held", hold=wait.kind, detail=wait.reason, labels_seen=new)
            telling.advanced(self._journal, self._jobs.save(held), now)
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
            started_at=job.started_at or now,
            owner=self._plan.owner,
            fence=job.fence + 1,
        )
        telling.advanced(self._journal, self._jobs.save(started), now)

    def _supervise(self, job: Job, now: float) -> tuple[Job, CandidateOutcome] | None:
        if job.owner != self._plan.owner:
            if not self._left_alone(job):
                return None
            self._take_over(job)
            return None
        if self._run is None:
            if 0 < job.not_before - now <= self._plan.retry_delay_s:  # more than that is a clock that was set back
                return None
            self._write_request(job)
            self._run = self._launcher.open(str(self.folder(job)), self._name(job), job.attempt)
            self._opened_s = self._monotonic()
        ended = self._run.ended()
        job = self._read_steps(job, now)
        if not ended:
            if self._monotonic() - self._opened_s > self._plan.job_timeout_s:
                self._run.stop(0.0)
                self._died(job, f"it took longer than {self._plan.job_timeout_s:g} s (setting job_timeout_s) and was killed", now)
            return None
        return self._finish(job, now)

    def _take_over(self, job: Job) -> None:
        """Its training process may go on where it was started under the job's fence. Elsewhere another one starts from the first step, under a new one.

        With the next look: whatever is started carries a fence that is saved.
        """
        taken = msgspec.structs.replace(job, owner=self._plan.owner)
        if not self._asked(job):
            taken = msgspec.structs.replace(taken, fence=job.fence + 1, steps_read=0)
        self._jobs.save(taken)

    def _left_alone(self, job: Job) -> bool:
        """Whether the service that had it has had time enough to end its training process."""
        if not job.owner:
            return True
        if self._foreign is None or self._foreign[0] != job.owner:
            self._foreign = (job.owner, self._monotonic())
        return self._monotonic() - self._foreign[1] >= self._plan.lease_s

    def _read_steps(self, job: Job, now: float) -> Job:
        assert self._run is not None
        steps, read = self._run.progress(job.steps_read)
        if read == job.steps_read:
            return job
        for index, step in enumerate(steps):
            fresh = step.step != job.step
            job = msgspec.structs.replace(job, step=step.step)
            if fresh or (index == len(steps) - 1 and self._monotonic() - self._said_s >= _PROGRESS_EVERY_S):
                self._said_s = self._monotonic()
                telling.progressed(self._journal, job, _told(step), now, step)
            if fresh:
                self._stage_begins(step.step)
            self._instruments.progress.set(step.progress)
            for figure, value in step.metrics.items():
                self._instruments.figures.labels(self._instruments.bounded(figure)).set(value)
        return self._jobs.save(msgspec.structs.replace(job, steps_read=read))

    def _stage_begins(self, stage: str | None) -> None:
        if self._stage is not None:
            name, since = self._stage
            self._instruments.stage_seconds.labels(self._instruments.bounded(name)).observe(self._monotonic() - since)
        self._stage = (stage, self._monotonic()) if stage else None

    def _finish(self, job: Job, now: float) -> tuple[Job, CandidateOutcome] | None:
        assert self._run is not None
        try:
            outcome = self._answer(job, self._run)
            if isinstance(self._staged, VersionError):
                raise self._staged
            if outcome is None:
                self._log.error("training_died", job=job.job_id, attempt=job.attempt, last_words=self._run.last_words())
                self._died(job, _with_last_line(self._run.death().detail, self._run.last_words()), now)
                return None
            if outcome.verdict == "packaged" and self._staged is None:  # it ended after we looked: staged before the next turn
                return None
            published = self._conclusions.answered(job, outcome, self._staged, now)
        except VersionError as error:
            self._died(job, str(error), now)
            return None
        self._run, self._staged = None, None
        self._stage_begins(None)
        return published

    def _answer(self, job: Job, run: Run) -> CandidateOutcome | None:
        """The outcome of the process that this job's fence stands for. Raises VersionError for another's, and what is none."""
        outcome = run.outcome()
        if outcome is not None and outcome.fence not in (0, job.fence):
            raise VersionError(
                f"its process was started under fence {outcome.fence}, the job has {job.fence} now: nothing of it is published"
            )
        return outcome

    def _died(self, job: Job, detail: str, now: float) -> None:
        self._conclusions.died(job, detail, now)
        Folder(str(self.folder(job))).remove(OUTCOME)  # the next attempt answers for itself
        self._run, self._staged = None, None
        self._stage = None

    def folder(self, job: Job) -> Path:
        """Where a job's training request lies and what came of it: one folder a round, so that new labels never meet old checkpoints."""
        return self._plan.folder / job.job_id / str(job.round)

    def _name(self, job: Job) -> str:
        """What an attempt is called wherever it runs, so that it is found there again."""
        return f"keepsight-{self._plan.model}-{request_key(job.job_id, str(job.round), str(job.attempt))[:12]}"

    def _asked(self, job: Job) -> bool:
        """Whether a request lies here that was written under the job's fence; releases that knew none wrote 0."""
        try:
            content = Folder(str(self.folder(job))).read(REQUEST)
            return msgspec.json.decode(content, type=_Fenced).fence in (0, job.fence)
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
            return False

    def _write_request(self, job: Job) -> None:
        if self._asked(job):
            return
        request = CandidateRequest(
            job_id=job.job_id,
            request_key=job.request_key,
            model=self._plan.model,
            parent=job.version,
            repository=self._repository.url,
            frame_store=self._plan.frame_store,
            since=job.since,
            labels=self._labels.usable(job.excluded),
            cause=job.cause,
            drift_type=job.drift_type,
            override=job.override,
            new_classes=job.new_classes,
            seed=self._plan.seed,
            threads=self._plan.threads,
            min_train_per_class=self._plan.min_train_per_class,
            min_gate=self._plan.min_gate,
            replay_share=self._plan.replay_share,
            ask=self._plan.ask,
            policy=self._plan.gates,
            verdicts=self._jobs.gate_uses(),
            fence=job.fence,
        )
        folder = Folder(str(self.folder(job)))
        folder.remove(OUTCOME)
        folder.write(REQUEST, msgspec.json.encode(request))

    def _archived(self, waiting: Sequence[Job], now: float) -> frozenset[str]:
        """The versions in the repository; they are listed only while a waiting job could be offered one."""
        if not any(asks(job, self._plan.limits.recurs_offer_s, now) for job in waiting):
            return frozenset()
        try:
            return frozenset(self._repository.versions(self._plan.model))
        except KeepsightError as error:
            raise StoreError(f"the versions cannot be listed: {error}") from error

    def champion(self) -> str | None:
        """The version that answers; None before the first. Raises StoreError when the repository does not answer."""
        try:
            return self._repository.channels(self._plan.model).champion
        except VersionError:
            return None
        except KeepsightError as error:
            raise StoreError(f"the champion cannot be read: {error}") from error


def _told(step: Step) -> str:
    return f"{step.progress:.0%} {step.detail}".strip()


def _with_last_line(death: str, last_words: str) -> str:
    line = last_words.splitlines()[-1].strip()[:_LAST_WORDS] if last_words else ""
    return f"{death} ({line})" if line else death
