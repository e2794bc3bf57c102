"""A model's training jobs as the log tells them: each from its request to its version, and every decision of the service beside."""

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from contracts.events import (
    AnyEvent,
    Decided,
    GateResult,
    JobAdvanced,
    JobState,
    ModelPublished,
    RetrainRequested,
    RolloutAdvanced,
    TrialRow,
)

T = TypeVar("T")
KEPT: Final = 1000
"""Jobs; the oldest go."""
_MOMENTS: Final = 100
_REQUESTS: Final = 2000
_VERSIONS: Final = 200


class Moment(msgspec.Struct, frozen=True):
    """A job entered a state, or waits for something else (Unix seconds)."""

    at: float
    state: JobState
    hold: str
    detail: str


class JobSeen(msgspec.Struct):
    """A job as it stands, and how it came there. Its request may be older than the log."""

    last: JobAdvanced
    began_at: float
    moments: list[Moment] = []
    technique: str = ""
    page: str = ""
    gates: tuple[GateResult, ...] = ()
    trials: tuple[TrialRow, ...] = ()
    request: RetrainRequested | None = None
    rollout: RolloutAdvanced | None = None

    @property
    def job_id(self) -> str:
        """Its id."""
        return self.last.job_id


class Seen:
    """What was read: the jobs in the order of their beginning, the newest KEPT; and the decisions, where they are asked for."""

    def __init__(self, decisions: bool = False) -> None:
        self.jobs: dict[str, JobSeen] = {}
        self.decisions: list[Decided] = []
        self._asked = decisions
        self._requests: dict[str, RetrainRequested] = {}
        self._rollouts: dict[str, RolloutAdvanced] = {}

    def take(self, events: Iterable[AnyEvent]) -> None:
        """A model's events on keepsight.retrain, in order."""
        for event in events:
            match event:
                case RetrainRequested():
                    _keep(self._requests, event.request_key, event, _REQUESTS)
                case JobAdvanced():
                    _take(self.jobs, event)
                case ModelPublished():
                    for job in self.jobs.values():
                        if job.last.version == event.version:
                            job.gates, job.page = event.gates or job.gates, event.page or job.page
                case RolloutAdvanced():
                    _keep(self._rollouts, event.version, event, _VERSIONS)
                case Decided() if self._asked:
                    self.decisions.append(event)
        for job in self.jobs.values():
            job.request = self._requests.get(job.last.request_key)
            job.rollout = self._rollouts.get(job.last.version) if job.last.version else None


def about(decisions: Iterable[Decided], job: JobSeen) -> list[Decided]:
    """The decisions that name a job."""
    return [one for one in decisions if f'"job":"{job.job_id}"' in one.body]


def _take(jobs: dict[str, JobSeen], event: JobAdvanced) -> None:
    job = jobs.get(event.job_id)
    if job is None:
        job = JobSeen(event, event.occurred_at)
        _keep(jobs, event.job_id, job, KEPT)
    moment = Moment(event.occurred_at, event.state, event.hold, event.detail)
    before = job.moments[-1] if job.moments else None
    if before is None or (before.state, before.hold) != (moment.state, moment.hold):
        job.moments = [*job.moments, moment][-_MOMENTS:]
    job.last = event
    job.technique = event.technique or job.technique
    job.page = event.page or job.page
    job.gates = event.gates or job.gates
    job.trials = event.trials or job.trials


def _keep(kept: dict[str, T], key: str, value: T, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
