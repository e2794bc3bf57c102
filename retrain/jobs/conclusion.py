"""How a round of a job ends: what its training process answered, or that it died, becomes the next state and is told to all who must know."""

from dataclasses import dataclass
from typing import Final

import msgspec

from contracts.manifest import Manifest, digest
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs import telling
from retrain.jobs.asking import Requests
from retrain.jobs.table import Jobs
from retrain.metrics import Instruments
from retrain.request import PAGE, CandidateOutcome
from retrain.state.journal import Journal
from retrain.trigger.policy import lacking

DISRUPTIONS: Final = 20
"""Of a job that cost no attempt: hosts that are taken away this often are no place to train."""


@dataclass(frozen=True, slots=True)
class Conclusions:
    """Called inside the service's transaction. `attempts`, `retry_delay_s` and `labels_more` are the settings of these names."""

    jobs: Jobs
    journal: Journal
    repository: ModelRepository
    instruments: Instruments
    requests: Requests
    attempts: int
    retry_delay_s: float
    labels_more: int

    def answered(
        self, job: Job, outcome: CandidateOutcome, staged: Manifest | None, labels_tried: int, now: float
    ) -> tuple[Job, CandidateOutcome] | None:
        """The process gave its outcome; `staged` is the version that it packaged, `labels_tried` how many new labels a held one had.

        Returns job and outcome when a version stands in the repository now. Raises StoreError while that does not answer, and VersionError.
        """
        if staged is not None:
            manifest = self.repository.finish(staged)
            page = f"models/{manifest.model}/{manifest.version}/{PAGE}" if PAGE in manifest.files else ""
            outcome = msgspec.structs.replace(
                outcome, verdict="published", version=manifest.version, digest=digest(manifest), page=page
            )
        self.instruments.runs.labels(job.trigger, outcome.verdict).inc()
        self.jobs.count_verdict(outcome.judged_on)
        if outcome.gates:
            self.requests.labels.doubts.found(outcome.suspects)
        for gate in outcome.gates:
            self.instruments.gates.labels(self.instruments.bounded(gate.gate), gate.verdict).inc()
        telling.mended(self.journal, f"job {job.job_id} came through: {outcome.verdict}", now)
        if outcome.verdict == "held":
            self.instruments.holds.labels("data").inc()
            detail = lacking(outcome.reason, labels_tried, self.labels_more)
            held = msgspec.structs.replace(job, state="held", hold="data", detail=detail, lacks=outcome.reason)
            held = msgspec.structs.replace(held, labels_tried=labels_tried, attempt=1, owner="")
            telling.advanced(self.journal, self.jobs.save(held), now, outcome)
            return None
        if outcome.verdict == "rejected":
            gates = (f"{gate.gate}: {gate.detail}" for gate in outcome.gates if gate.verdict == "fail")
            failed = [sentence for sentence in gates if sentence not in outcome.reason]
            self._end(job, now, "rejected", "; ".join([outcome.reason, *failed]), outcome)
            return None
        done = self._end(msgspec.structs.replace(job, candidate=outcome.version), now, "succeeded", outcome.reason, outcome)
        telling.published(self.journal, done, outcome, now)
        return done, outcome

    def died(self, job: Job, detail: str, now: float, disrupted: bool = False) -> None:
        """An attempt left nothing usable: another one follows, or, after the last, an incident. One that was `disrupted` is done again, within reason."""
        again = msgspec.structs.replace(job, detail=detail, not_before=now + self.retry_delay_s, attempt_from_s=job.device_s)
        if disrupted and job.disruptions < DISRUPTIONS:
            again = msgspec.structs.replace(again, disruptions=job.disruptions + 1)
        elif job.attempt < self.attempts:
            again = msgspec.structs.replace(again, attempt=job.attempt + 1)
        else:
            self.instruments.runs.labels(job.trigger, "failed").inc()
            done = self._end(job, now, "failed", f"attempt {job.attempt} of {self.attempts}: {detail}")
            telling.failed(self.journal, done, self.requests.place(job), now)
            return
        telling.advanced(self.journal, self.jobs.save(again), now)

    def put_aside(self, job: Job, reason: str, now: float) -> None:
        """Nobody wants it any more."""
        self._end(msgspec.structs.replace(job, cancelled=True), now, "rejected", reason)

    def _end(self, job: Job, now: float, state: str, detail: str, outcome: CandidateOutcome | None = None) -> Job:
        done = msgspec.structs.replace(job, state=state, hold="", detail=detail, finished_at=now, owner="")
        telling.advanced(self.journal, self.jobs.save(done), now, outcome)
        return done
