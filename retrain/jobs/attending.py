"""The training process of the job that runs, started, looked at and ended outside of any transaction: stores and clusters take their time, or hang.

What was seen is a Look. What becomes of it is decided in supervision.py, inside the transaction that enters it; until that holds, the next look sees it again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from contracts.errors import StoreError, VersionError
from contracts.logs import Logger
from contracts.manifest import Manifest, digest
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs.asking import Requests
from retrain.jobs.table import Jobs
from retrain.launch.launcher import Death, Launcher, Progress, Run
from retrain.registry import publish, verdicts
from retrain.request import CandidateOutcome
from retrain.state.database import Database
from retrain.trigger.policy import request_key

_ASKED_AGAIN_S: Final = 30.0
"""Between two times that a process is told to end: one that hangs in the kernel hears neither."""


class End(NamedTuple):
    """What a process left that is gone: an `outcome`, with the version that it packaged and is staged; or why that is none (`fault`); or how it died."""

    outcome: CandidateOutcome | None = None
    staged: Manifest | None = None
    labels_tried: int = 0
    """New labels that a round had which is held."""
    fault: str = ""
    death: Death | None = None
    last_words: str = ""


class Look(NamedTuple):
    """A process as it was seen: why it `waits` to begin, the steps since the last look that was entered, and its end once it came to that."""

    name: str
    waits: str
    progress: Progress
    end: End | None


@dataclass(slots=True)
class Attendance:
    """One process at a time. `retry_delay_s` and `stop_grace_s` are the settings of these names. Every method raises StoreError while something is away."""

    model: str
    retry_delay_s: float
    stop_grace_s: float
    jobs: Jobs
    database: Database
    requests: Requests
    repository: ModelRepository
    launcher: Launcher
    log: Logger
    monotonic: Callable[[], float] = time.monotonic
    _name: str = ""
    _run: Run | None = None
    _staged: Manifest | None = None
    _page: str = ""
    _fault: str = ""
    _told_to_end_s: float = float("-inf")

    def name(self, job: Job) -> str:
        """What a job's process is called wherever it runs, so that it is found there again."""
        key = request_key(job.job_id, str(job.round), str(job.attempt), str(job.disruptions), str(job.fence))
        return f"keepsight-{self.model}-{key[:12]}"

    def look(self, job: Job, now: float) -> Look | None:
        """The process of a job that is ours, which is started where it is due; None while it is not. Raises TakenOverError."""
        if self._name != (name := self.name(job)):
            self._drop(name)
        if self._run is None:
            if 0 < job.not_before - now <= self.retry_delay_s:  # more than that is a clock that was set back
                return None
            with self.database.transaction():
                pass  # it is still ours
            self.requests.write(job)
            self._run = self.launcher.open(self.requests.place(job), name)
        ended = self._run.ended()
        progress = self._run.progress(job.steps_read)
        return Look(name, "" if ended else self._run.waits(), progress, self._end(job, self._run, now) if ended else None)

    def refuse(self, fault: str) -> None:
        """What the process left is no answer after all: the next look says so."""
        self._fault = fault

    def end_marked(self) -> None:
        """End what is marked to end, whoever started it. Raises StoreError until the launcher says that it is gone: nothing trains beside it."""
        for name, folder in self.jobs.ending():
            run = self._run if self._name == name and self._run is not None else self.launcher.find(folder, name)
            if run is not None and not run.ended():
                if self.monotonic() - self._told_to_end_s >= _ASKED_AGAIN_S:
                    self._told_to_end_s = self.monotonic()
                    run.stop(self.stop_grace_s)
                if not run.ended():
                    raise StoreError(
                        f"the process {name} in {folder} was told to end and lives on; on another host, or hung, a person must end it"
                    )
            with self.database.transaction():
                self.jobs.gone(name)
            self._told_to_end_s = float("-inf")
            self.log.info("training_ended", process=name)

    def abandon(self) -> None:
        """The service goes away: a process of its host ends with it, which may take `stop_grace_s`; one elsewhere goes on."""
        if self._run is not None:
            self._run.abandon(self.stop_grace_s)
            self._drop("")

    def _drop(self, name: str) -> None:
        self._name, self._run, self._staged, self._page, self._fault = name, None, None, "", ""

    def _end(self, job: Job, run: Run, now: float) -> End:
        try:
            outcome = self._answer(job, run, now) if not self._fault else None
        except VersionError as error:
            self._fault = str(error)
        if self._fault:
            self.requests.forget_outcome(job)
            return End(fault=self._fault)
        if outcome is None:
            return End(death=run.death(), last_words=run.last_words())
        tried = self.requests.labels_tried(job) if outcome.verdict == "held" else 0
        return End(outcome, self._staged, tried)

    def _answer(self, job: Job, run: Run, now: float) -> CandidateOutcome | None:
        """The outcome of the process that this job's fence stands for, its version staged. Raises VersionError for another's, and what is none."""
        outcome = run.outcome()
        if outcome is None:
            return None
        if outcome.fence not in (0, job.fence):
            raise VersionError(
                f"its process was started under fence {outcome.fence}, the job has {job.fence} now: nothing of it is published"
            )
        if outcome.verdict == "packaged" and self._staged is None:
            self._staged = publish.stage(self.model, job.version, outcome, self.requests.folder(job), self.repository, now)
        elif outcome.verdict == "published":
            self._check_published(outcome)
        elif outcome.page and outcome.verdict != "packaged":
            return msgspec.structs.replace(outcome, page=self._kept(job, outcome.page))
        return outcome

    def _kept(self, job: Job, page: str) -> str:
        """Where the page of a verdict that made no version can be read: in the repository, from every host; if that takes none now, in the jobs' folder."""
        if not self._page:
            self._page = f"{job.job_id}/{job.round}/{page}"
            try:
                kept = verdicts.keep(self.repository, self.model, job.job_id, job.round, self.requests.folder(job), page)
                self._page = kept or self._page
            except StoreError as error:
                self.log.warning("verdict_page_stays", job=job.job_id, why=str(error))
        return self._page

    def _check_published(self, outcome: CandidateOutcome) -> None:
        try:
            manifest = self.repository.manifest(self.model, outcome.version)
        except VersionError:
            publish.mounted(self.repository, self.model)
            raise
        if (found := digest(manifest)) != outcome.digest:
            raise VersionError(
                f"version {outcome.version} has the digest {found[:12]}…, the outcome says {outcome.digest[:12]}…: not rolled out"
            )
