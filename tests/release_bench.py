"""A release of two small versions with its database and repository, and the fleet that it drives: for tests of a rollout without a service."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from contracts.events import (
    FrameLabelled,
    FrameScored,
    GateResult,
    RolloutAdvanced,
    ServingReported,
    VersionServed,
    decode,
)
from contracts.logs import Logger
from contracts.manifest import digest
from contracts.ports import Place, Record
from contracts.predictions import Classification, Variant
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.metrics import Instruments
from retrain.request import CandidateOutcome
from retrain.rollout.drive import Release, ReleasePlan
from retrain.rollout.evidence import Rollouts
from retrain.rollout.guards import GuardLimits
from retrain.rollout.orders import Order
from retrain.rollout.states import Plan, Rollout
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState
from tests.scored_frames import frame_scored
from tests.small_model import publish_small_version

LIMITS = GuardLimits(0.01, 0.01, 0.05, 20, 0.01, 0.1, 0.95, 20, 0.2, 0.05)
PLAN = ReleasePlan(
    model="small",
    steps=Plan(
        shadow_frames=10,
        shadow_s=5,
        shares=(0.5, 1.0),
        canary_frames=10,
        canary_s=5,
        watch_frames=10,
        watch_s=5,
        rollback_deadline_s=30,
    ),
    limits=LIMITS,
    approval="auto",
    camera_live_s=60,
    server_silent_s=60,
    server_gone_s=900,
)
CAMERAS = tuple(f"line-{i}" for i in range(8))
JOB = Job(job_id="j1", request_key="k", trigger="monitor", version="1", reason="", since=0.0, created_at=0.0, state="succeeded")
OUTCOME = CandidateOutcome(
    verdict="packaged", reason="", version="2", digest="d", gates=(GateResult("gain", "pass", 1.0, 0.0, "better"),)
)


class Bench:
    """A release with its database and repository; `again` is what a restart makes of them."""

    def __init__(self, folder: Path, begun: bool = True, state: Path | None = None) -> None:
        self.repository = ModelRepository(str(folder / "repository"))
        publish_small_version(self.repository.url, "small", "1")
        publish_small_version(self.repository.url, "small", "2", seed=1, champion=False)
        self.database = Database(SqliteState(state or folder / "state.sqlite3", "small"), "test")
        self.jobs = Jobs(self.database)
        self.labels = Labels(self.database)
        self.journal = Journal(self.database, "small", Logger("test"))
        self.number = 0
        self.again()
        with self.database.transaction():
            self.jobs.save(JOB)
            self.release.load()
            if begun:
                self.release.begin(JOB, OUTCOME, 0.0)
            self.release.save()

    def again(self) -> None:
        """A new life of the service."""
        self.instruments = Instruments(CollectorRegistry())
        self.release = Release(
            PLAN, self.database, self.jobs.mark_rolled_back, self.labels, self.journal, self.repository, self.instruments
        )

    def turn(self, now: float, *events: FrameScored | FrameLabelled | ServingReported | Order) -> str:
        """A turn of the service at `now`; the rollout's state after it."""
        with self.database.transaction():
            self.release.load()
            for event in events:
                match event:
                    case FrameScored():
                        self.release.frame(event, now)
                    case FrameLabelled():
                        self.release.label(event)
                    case ServingReported():
                        self.release.reported(event, now)
                    case _:
                        self.release.orders.carry_out(event, now)
            self.release.advance(now)
            self.release.save()
        self.release.reconcile(now)
        rollout = Rollouts(self.database).newest()
        assert rollout is not None
        return rollout.state

    def frames(self, now: float, rounds: int = 20, label: str = "china") -> list[FrameScored]:
        """What serving would publish now: every camera `rounds` times, with the shadow beside the answers."""
        channels, found = self.repository.channels("small"), []
        for _ in range(rounds):
            for camera in CAMERAS:
                self.number += 1
                answering = channels.answering(camera)
                found.append(self.frame(now, camera, *answering))
                if channels.shadow and channels.shadow != answering[0]:
                    found.append(self.frame(now, camera, channels.shadow, "shadow", label))
        return found

    def frame(self, now: float, camera: str, version: str, variant: Variant, label: str = "china", **fields: object) -> FrameScored:
        prediction = Classification((label, "flower" if label == "china" else "china"), (0.9, 0.1))
        return frame_scored(str(self.number), camera, version, variant, prediction, now, **fields)

    def report(self, now: float, server: str = "a", leaving: bool = False, **counts: tuple[int, int, int]) -> ServingReported:
        """What a server that follows the channels says now; `counts` of a version as `v2=(answered, failed, invalid)`."""
        channels = self.repository.channels("small")
        roles = {"champion": channels.champion, "candidate": channels.candidate, "shadow": channels.shadow}
        return ServingReported(
            event_id=f"{server} {now}",
            occurred_at=now,
            model="small",
            replica=server,
            sequence=channels.sequence,
            versions=tuple(
                VersionServed(version, self.digest(version), role, "cpu", *counts.get(f"v{version}", (0, 0, 0)))  # type: ignore[arg-type]
                for role, version in roles.items()
                if version is not None
            ),
            started_at=-1.0,
            leaving=leaving,
        )

    def digest(self, version: str) -> str:
        return digest(self.repository.manifest("small", version))

    def rollout(self) -> Rollout:
        found = Rollouts(self.database).newest()
        assert found is not None
        return found

    def refused(self) -> list[str]:
        """Why commands were refused."""
        return [row.body["why"] for row in self.journal.ledger.rows() if row.kind == "command_refused"]

    def told(self) -> list[str]:
        """The states that went into the outbox."""
        return [event.state for event in self.events()]

    def reasons(self) -> list[str]:
        return [event.reason for event in self.events()]

    def events(self) -> list[RolloutAdvanced]:
        """The steps in the outbox."""
        found = [decode(Record(Place(one.topic, 0), 0, one.key, one.value, {}, 0)) for one in self.database.outbox()[1]]
        return [event for event in found if isinstance(event, RolloutAdvanced)]


def walk(bench: Bench, until: str) -> float:
    """Frames and time until a state is reached; the time then."""
    now = 1.0
    while bench.turn(now) != until:
        bench.turn(now, *bench.frames(now), bench.report(now))
        now += 10
        assert now < 1000, "never reached"
    return now
