"""What the console knows: the newest word of every job, version, rollout and server, the frames that are wanted, and what people ordered.

It is made of the log alone, anew at each start, and bounded: the oldest goes first. The follower's thread fills it, the server's threads read it.
"""

import threading
from collections.abc import Hashable
from typing import Final, NamedTuple, TypeVar

from contracts.events import (
    Acknowledge,
    AnyEvent,
    Approve,
    CancelJob,
    FrameLabelled,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    JobAdvanced,
    JobState,
    LabelsWanted,
    MarkFalseAlarm,
    ModelPublished,
    OverrideCounts,
    Promote,
    Reject,
    RequestRetrain,
    RetrainRequested,
    ReviewLabel,
    Rollback,
    RolloutAdvanced,
    ServingReported,
)
from monitor.console.decisions import Decisions
from monitor.console.incident_book import IncidentBook
from monitor.console.said import Said

MOST_JOBS: Final = 10_000
"""Some 2 kB each: a job a day for 27 years."""
MOST_TOLD: Final = 500
"""Jobs and versions whose whole story is kept; of older ones the end."""
MOST_MOMENTS: Final = 60
MOST_ORDERS: Final = 3000
"""Some 0.5 kB each."""
MOST_SERVERS: Final = 1000
MOST_IDS: Final = 10_000
"""Events that are known again when they are repeated: who publishes is at times not sure, and says some hundred again."""
WAITING: Final[tuple[JobState, ...]] = ("queued", "held")
ACTIVE: Final[tuple[JobState, ...]] = ("running", *WAITING)
Order = Approve | Reject | Rollback | Promote | OverrideCounts | CancelJob | RequestRetrain | Acknowledge | MarkFalseAlarm
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Moment(NamedTuple):
    """A step of a job and the newest word on it; `began_at` in Unix seconds."""

    began_at: float
    event: JobAdvanced


class JobView(NamedTuple):
    """A job as it stands. `moments` are its steps and holds, oldest first; () of one that is long over. `judged` is the newest word with a verdict."""

    began_at: float
    last: JobAdvanced
    moments: tuple[Moment, ...] = ()
    judged: JobAdvanced | None = None


class View:
    """`take` each event of one model; the rest may be asked from any thread."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._seen: dict[str, None] = {}
        self._jobs: dict[str, JobView] = {}
        self._requests: dict[str, RetrainRequested] = {}
        self._published: dict[str, ModelPublished] = {}
        self._rollouts: dict[str, tuple[RolloutAdvanced, ...]] = {}
        self._orders: dict[str, Order] = {}
        self._servers: dict[str, ServingReported] = {}
        self._wanted: LabelsWanted | None = None
        self.said = Said()
        self.incidents, self.decisions = IncidentBook(), Decisions()
        self.trouble: str | None = "the log has not answered yet"
        """Why the newest may be missing; None when all that the log holds was read."""

    def take(self, event: AnyEvent) -> None:
        """An event, in the order of its topic. Repeated ones change nothing."""
        if event.model != self._model:
            return
        with self._lock:
            if event.event_id in self._seen:
                return
            _keep(self._seen, event.event_id, None, MOST_IDS)
            self.decisions.take(event)
            match event:
                case IncidentOpened() | IncidentUpdated() | IncidentClosed():
                    self.incidents.take(event)
                case JobAdvanced():
                    self._job(event)
                case RetrainRequested():
                    _keep(self._requests, event.request_key, event, MOST_TOLD)
                case ModelPublished():
                    _keep(self._published, event.version, event, MOST_TOLD)
                case RolloutAdvanced():
                    story = self._rollouts.pop(event.version, ())
                    _keep(self._rollouts, event.version, _shortened((*story, event)), MOST_TOLD)
                case LabelsWanted():
                    self._wanted = event
                case ServingReported():
                    self._servers.pop(event.replica, None)
                    if not event.leaving:
                        _keep(self._servers, event.replica, event, MOST_SERVERS)
                case FrameLabelled():
                    self.said.labelled(event)
                case ReviewLabel():
                    self.said.reviewed(event)
                case (
                    Approve()
                    | Reject()
                    | Rollback()
                    | Promote()
                    | OverrideCounts()
                    | CancelJob()
                    | RequestRetrain()
                    | Acknowledge()
                    | MarkFalseAlarm()
                ):
                    _keep(self._orders, event.event_id, event, MOST_ORDERS)

    def jobs(self, states: tuple[JobState, ...] = ()) -> list[JobView]:
        """The jobs in these states (in any, when none is named), the newest first."""
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if not states or job.last.state in states]

    def job(self, job_id: str) -> JobView | None:
        """A job."""
        with self._lock:
            return self._jobs.get(job_id)

    def job_of(self, request_key: str) -> JobView | None:
        """The newest job of a request."""
        with self._lock:
            return next((job for job in reversed(self._jobs.values()) if job.last.request_key == request_key), None)

    def request(self, request_key: str) -> RetrainRequested | None:
        """What the monitor asked."""
        with self._lock:
            return self._requests.get(request_key)

    def requested_for(self, incident_id: str) -> list[RetrainRequested]:
        """What the monitor asked because of an incident, oldest first."""
        with self._lock:
            return [one for one in self._requests.values() if one.incident_id == incident_id]

    def published(self, version: str) -> ModelPublished | None:
        """What was said when a version was published."""
        with self._lock:
            return self._published.get(version)

    def rollout(self, version: str) -> tuple[RolloutAdvanced, ...]:
        """A version's rollout, oldest first."""
        with self._lock:
            return self._rollouts.get(version, ())

    def newest_rollout(self) -> RolloutAdvanced | None:
        """The newest word on any rollout."""
        with self._lock:
            return next((story[-1] for story in reversed(self._rollouts.values())), None)

    def orders(self) -> list[Order]:
        """What people ordered, the newest first."""
        with self._lock:
            return list(reversed(self._orders.values()))

    def servers(self) -> list[ServingReported]:
        """The last report of each server that did not take its leave, by name."""
        with self._lock:
            return [self._servers[name] for name in sorted(self._servers)]

    def wanted(self) -> LabelsWanted | None:
        """The frames that a person should label next."""
        with self._lock:
            return self._wanted

    def _job(self, event: JobAdvanced) -> None:
        known = self._jobs.get(event.job_id)
        if known is None:
            begun = JobView(event.occurred_at, event, (Moment(event.occurred_at, event),), _judged(event, None))
            _keep(self._jobs, event.job_id, begun, MOST_JOBS)
            if len(self._jobs) > MOST_TOLD:
                self._forget_a_story()
        else:
            moments = _moments(known.moments, event)
            self._jobs[event.job_id] = JobView(known.began_at, event, moments, _judged(event, known.judged))

    def _forget_a_story(self) -> None:
        """Of the oldest job but MOST_TOLD only the end stays."""
        for number, (job_id, job) in enumerate(reversed(self._jobs.items())):
            if number == MOST_TOLD:
                self._jobs[job_id] = job._replace(moments=())
                return


def _judged(event: JobAdvanced, before: JobAdvanced | None) -> JobAdvanced | None:
    return event if event.gates or event.trials or event.page else before


def _moments(known: tuple[Moment, ...], event: JobAdvanced) -> tuple[Moment, ...]:
    """With what the job does now: more of the last step, or another one."""
    if known and _stage(known[-1].event) == _stage(event):
        return (*known[:-1], Moment(known[-1].began_at, event))
    return _shortened((*known, Moment(event.occurred_at, event)))


def _stage(event: JobAdvanced) -> tuple[object, ...]:
    return (event.state, event.step, event.hold, event.attempt)


def _shortened(story: tuple[V, ...]) -> tuple[V, ...]:
    """The beginning and the newest of it."""
    return story if len(story) <= MOST_MOMENTS else (story[0], *story[2:])


def _keep(known: dict[K, V], key: K, value: V, most: int) -> None:
    """Keep a value under its key; the oldest key goes where there are too many."""
    known[key] = value
    if len(known) > most:
        del known[next(iter(known))]
