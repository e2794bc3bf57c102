"""Drives a rollout: counts the evidence that arrives, asks states.py for the next step, and moves the channels to what the state means.

A step is decided and saved first, the channels follow by compare-and-set, and only then the step's event is published: killed at any point between,
the next start sees a state that is not applied yet and applies it. Channels that someone else moved end the rollout: a person's hand goes first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from contracts.channels import Channels
from contracts.errors import ChannelConflictError, StoreError, VersionError
from contracts.events import FrameLabelled, FrameScored, GateResult, ServingReported
from contracts.manifest import digest
from contracts.repository import ModelRepository, changed
from retrain.job import Job
from retrain.labels.book import Labels
from retrain.metrics import Instruments
from retrain.request import CandidateOutcome
from retrain.rollout import states, telling
from retrain.rollout.comparison import loss
from retrain.rollout.counting import REPEATS_S, Counting
from retrain.rollout.evidence import Rollouts
from retrain.rollout.guards import GuardLimits
from retrain.rollout.orders import Orders
from retrain.rollout.replicas import fared, standing
from retrain.rollout.states import Approval, Plan, Rollout
from retrain.state.database import Database
from retrain.state.journal import Journal

_NEXT: Final = "next_rollout"
"""The version that waits for the end of a rollout. There is one at most: nothing trains while a rollout is under way."""


@dataclass(frozen=True, slots=True)
class ReleasePlan:
    """See the settings of the same names."""

    model: str
    steps: Plan
    limits: GuardLimits
    approval: Approval
    camera_live_s: float
    server_silent_s: float
    server_gone_s: float


class _Published(msgspec.Struct):
    """A version whose rollout is to begin, and what it was compared with."""

    version: str
    parent: str
    gates: tuple[GateResult, ...]
    job_id: str


class Release:
    """The newest rollout of the model. `load` and `save` bracket each transaction; between them it lives in memory.

    `mark_rolled_back` tells the jobs whose version was taken back; `finished` is told, outside of any transaction, each rollout that became stable or was taken
    back: the newest once more at a start.
    """

    def __init__(
        self,
        plan: ReleasePlan,
        database: Database,
        mark_rolled_back: Callable[[str], None],
        labels: Labels,
        journal: Journal,
        repository: ModelRepository,
        instruments: Instruments,
        finished: Callable[[Rollout], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._database = database
        self._rollouts = Rollouts(database)
        self._counting = Counting(self._rollouts, plan.limits)
        self._mark_rolled_back = mark_rolled_back
        self._labels = labels
        self._journal = journal
        self._repository = repository
        self._instruments = instruments
        self._finished = finished
        self._told_end: tuple[str, str, float] | None = None
        self._rollout: Rollout | None = None
        self._loaded = b""
        self.orders = Orders(plan.model, repository, journal, lambda: self._rollout, self._rollouts.of, self._clear, self._move)
        """What a person wants."""
        self._faulty: frozenset[str] = frozenset()

    @property
    def active(self) -> str | None:
        """The version whose rollout has not ended."""
        return self._rollout.version if self._rollout is not None and not self._rollout.ended else None

    @property
    def occupied(self) -> str | None:
        """The version that nothing trains beside: the active one, or one that waits for its rollout to begin."""
        waiting = self._waiting()
        return self.active or (waiting.version if waiting is not None else None)

    @property
    def unapplied(self) -> bool:
        """Whether the channels do not stand yet as the newest state means them."""
        return self._rollout is not None and not self._rollout.applied

    def load(self) -> None:
        """Read the rollout as saved."""
        self._rollout = self._rollouts.newest()
        self._loaded = msgspec.json.encode(self._rollout)
        if self._rollout is not None and not self._rollout.ended:
            self._rollout = self._named(self._rollout)
        self._counting.begin()
        self._faulty = self._labels.faulty()

    def save(self) -> None:
        """Write what the transaction's frames changed."""
        self._count()
        if self._rollout is not None and msgspec.json.encode(self._rollout) != self._loaded:
            self._rollouts.save(self._rollout)

    def begin(self, job: Job, outcome: CandidateOutcome, now: float) -> None:
        """A version was published: its rollout begins, or waits until one that a person began meanwhile has ended."""
        published = _Published(outcome.version, job.version, outcome.gates, job.job_id)
        if self._free:
            self._begin(published, now)
            return
        self._database.remember(_NEXT, msgspec.json.encode(published).decode())
        self._journal.note("rollout_waits", now, version=outcome.version, why=f"version {self.active} is on its way")

    def frame(self, event: FrameScored, now: float) -> None:
        """A frame was scored. Raises ValueError for one that cannot be kept."""
        self._counting.take(event, now)

    def label(self, event: FrameLabelled) -> None:
        """A truth arrived: where both versions scored the frame, it tells which was right. Only uniform samples judge without bias."""
        rollout = self._rollout
        if rollout is None or rollout.state not in states.GUARDED or event.audit or event.sample != "uniform":
            return
        if event.camera in self._faulty:
            return
        said = {one.version: one.prediction for one in event.predictions}
        if rollout.version in said and rollout.parent in said:
            own = loss(said[rollout.version], event.truth, rollout.threshold)
            parent = loss(said[rollout.parent], event.truth, rollout.parent_threshold)
            if own is not None and parent is not None:
                rollout.guards.label(own, parent)

    def reported(self, event: ServingReported, now: float) -> None:
        """A server said which versions it answers with, and how they fare."""
        if now - event.occurred_at > self._plan.server_gone_s or not self._database.first_time(event.event_id, now + REPEATS_S):
            return
        before = self._rollouts.report(event.replica)
        self._rollouts.save_report(event)
        rollout = self._rollout
        if rollout is not None and rollout.applied and rollout.state in states.GUARDED:
            own, parent = (fared(before, event, version, rollout.entered_at) for version in (rollout.version, rollout.parent))
            rollout.guards.report(own, parent, self._plan.limits)

    def advance(self, now: float) -> None:
        """One look at the evidence."""
        self._database.forget_seen(now)
        self._rollouts.forget_answers(now - REPEATS_S)
        self._count()
        self._begin_next(now)
        reports, rollout = self._heard(now), self._rollout
        if rollout is None:
            return
        if not rollout.ended and rollout.applied:
            live = set(self._rollouts.live(now - self._plan.camera_live_s)) - self._faulty
            servers = standing(reports, now, self._plan.server_silent_s)
            after = states.advance(rollout, self._plan.steps, now, live, servers, rollout.guards.alarm(self._plan.limits))
            if after is not rollout:
                self._move(after, now)
        self._export(now)

    def reconcile(self, now: float) -> None:
        """Outside of the service's transactions: bring the channels to what the state means, and the ledger up to them.

        Raises StoreError or VersionError when the repository does not play along: try again.
        """
        try:
            channels = self._repository.channels(self._plan.model)
        except VersionError as error:
            if not self._journal.ledger.channels_sequence():
                return  # no champion yet: nothing to move and nothing to enter
            raise StoreError(f"{error}. There were channels: is the repository mounted?") from error
        rollout = self._rollouts.newest()
        if rollout is not None:
            channels = self._apply(rollout, channels, now)
            self._tell_end(rollout)
        if channels.sequence > (known := self._journal.ledger.channels_sequence()):
            history = self._repository.history(self._plan.model, known)
            named = {version for state in history for version in (*state.versions(), state.previous) if version}
            about = {version: self._about(version) for version in sorted(named)}
            with self._database.transaction():
                self._journal.channel_history(history, now, about.__getitem__)

    def _apply(self, rollout: Rollout, channels: Channels, now: float) -> Channels:
        wanted = states.channels_of(rollout, self._plan.steps)
        if rollout.applied and (rollout.ended or wanted is None):
            return channels
        if wanted is None:
            wanted = {}
        stands = all(getattr(channels, name) == value for name, value in wanted.items())
        if rollout.applied and stands:
            return channels
        if not stands and (rollout.applied or channels.champion not in (rollout.version, rollout.parent)):
            with self._database.transaction():
                self.load()
                self._move(states.abandoned(rollout, channels, now), now)
                self.save()
            return channels
        if not stands:
            try:
                reason = f"{rollout.state}: {rollout.reason}"
                channels = self._repository.set_channels(self._plan.model, changed(channels, now, rollout.by, reason, **wanted))
            except ChannelConflictError:
                return self._repository.channels(self._plan.model)  # the next turn decides on what stands then
        with self._database.transaction():
            self._rollout = msgspec.structs.replace(rollout, applied=True, entered_at=now, sequence=channels.sequence)
            self._rollouts.save(self._rollout)
        return channels

    def _tell_end(self, rollout: Rollout) -> None:
        end = (rollout.version, rollout.state, rollout.entered_at)
        if rollout.applied and rollout.state in ("stable", "rolled_back") and end != self._told_end:
            self._told_end = end
            self._finished(rollout)

    @property
    def _free(self) -> bool:
        """Whether a rollout may begin: none is under way, and the channels stand as the last one left them."""
        return self._rollout is None or (self._rollout.ended and self._rollout.applied)

    def _begin_next(self, now: float) -> None:
        if self._free and (waiting := self._waiting()) is not None:
            self._database.remember(_NEXT, None)
            self._begin(waiting, now)

    def _waiting(self) -> _Published | None:
        kept = self._database.fact(_NEXT)
        return msgspec.json.decode(kept, type=_Published) if kept is not None else None

    def _begin(self, published: _Published, now: float) -> None:
        self._clear(published.version)
        channels = self._repository.channels(self._plan.model)
        labels = self._repository.manifest(self._plan.model, published.version).labels
        rollout = states.begin(
            published.version, channels, published.parent, labels, published.gates, self._plan.approval, now, published.job_id
        )
        self._move(rollout, now)

    def _clear(self, version: str) -> None:
        self._rollouts.clear_evidence(version)
        self._counting.begin()

    def _named(self, rollout: Rollout) -> Rollout:
        """With the digests of its two versions, which servers' reports are held against, and from which scores on their boxes count."""
        if rollout.digest and rollout.parent_digest:
            return rollout
        own, parent = (self._repository.manifest(self._plan.model, one) for one in (rollout.version, rollout.parent))
        return msgspec.structs.replace(
            rollout,
            digest=digest(own),
            parent_digest=digest(parent),
            threshold=own.threshold,
            parent_threshold=parent.threshold,
        )

    def _about(self, version: str) -> dict[str, str]:
        """What a change of the channels names of a version: the SHA-256 of its model, and of the gates' verdicts that let it come so far."""
        try:
            known = {"digest": digest(self._repository.manifest(self._plan.model, version))}
        except VersionError:
            known = {}
        rollout = self._rollouts.of(version)
        return {**known, **({"gates": rollout.gates} if rollout is not None and rollout.gates else {})}

    def _heard(self, now: float) -> dict[str, ServingReported]:
        """The servers' last reports, without those that are gone."""
        reports = self._rollouts.reports()
        for server, silent_s in standing(reports, now, self._plan.server_gone_s).missing:
            del reports[server]
            self._rollouts.forget_server(server)
            self._journal.note("server_gone", now, server=server, why=f"silent for {silent_s:.0f} s: waited for no longer")
        return reports

    def _move(self, after: Rollout, now: float) -> None:
        before, self._rollout = self._rollout, after if after.ended else self._named(after)
        telling.advanced(self._journal, self._rollout, now)
        if before is not None and (before.version, before.state) == (after.version, after.state):
            return
        if after.state == "champion":
            self._instruments.promotions.inc()
        if after.state in ("rolling_back", "rejected"):
            self._instruments.rollbacks.labels("guard" if after.by == "retrain" else "person").inc()
            self._mark_rolled_back(after.job_id)

    def _count(self) -> None:
        if self._rollout is not None:
            self._rollout = self._counting.count(self._rollout, self._faulty)

    def _export(self, now: float) -> None:
        rollout = self._rollout
        assert rollout is not None
        for state in ("awaiting_approval", *states.GUARDED, "rolling_back", *states.ENDED):
            self._instruments.rollout_state.labels(state).set(rollout.state == state)
        self._instruments.rollout_share.set(0.0 if rollout.ended else rollout.share)
        overdue = rollout.state == "rolling_back" and now - rollout.entered_at > self._plan.steps.rollback_deadline_s
        self._instruments.rollback_overdue.set(overdue)
        for guard, ratio in rollout.guards.ratios(self._plan.limits).items():
            self._instruments.guard_ratio.labels(guard).set(0.0 if rollout.ended else ratio)
