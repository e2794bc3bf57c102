"""The release: evidence from events, channels by compare-and-set, killed between any two of its writes, and a person's hand that goes first."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import StoreError
from contracts.events import FrameLabelled, FrameScored, Rollback, RolloutAdvanced
from contracts.incidents import Incident
from contracts.logs import Logger
from contracts.predictions import Classification, ClassTruth, Scored, Variant
from contracts.repository import ModelRepository, changed
from contracts.statistics import ImageStatistics
from retrain.job import Job
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.metrics import Instruments
from retrain.request import CandidateOutcome
from retrain.rollout.drive import Release, ReleasePlan
from retrain.rollout.evidence import Rollouts
from retrain.rollout.guards import GuardLimits
from retrain.rollout.states import Plan
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.ledger import CHANNELS
from retrain.state.sqlite import SqliteState
from tests.small_model import publish_small_version

STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)
LIMITS = GuardLimits(0.01, 0.01, 0.1, 0.95, 20, 0.2, 0.05)
PLAN = ReleasePlan(
    model="small",
    steps=Plan(shadow_frames=10, shadow_s=5, shares=(0.5, 1.0), canary_frames=10, canary_s=5, watch_frames=10, watch_s=5),
    limits=LIMITS,
    approval="auto",
    camera_live_s=60,
    rollback_deadline_s=30,
)
CAMERAS = tuple(f"line-{i}" for i in range(8))
JOB = Job(job_id="j1", request_key="k", trigger="monitor", version="1", reason="", since=0.0, created_at=0.0, state="succeeded")
OUTCOME = CandidateOutcome(verdict="published", reason="", version="2", digest="d")


class Bench:
    """A release with its database and repository; `again` is what a restart makes of them."""

    def __init__(self, folder: Path) -> None:
        self.repository = ModelRepository(str(folder / "repository"))
        publish_small_version(self.repository.url, "small", "1")
        publish_small_version(self.repository.url, "small", "2", seed=1, champion=False)
        self.database = Database(SqliteState(folder / "state.sqlite3", "small"), "test")
        self.jobs = Jobs(self.database)
        self.labels = Labels(self.database)
        self.journal = Journal(self.database, "small", Logger("test"))
        self.number = 0
        self.again()
        with self.database.transaction():
            self.jobs.save(JOB)
            self.release.load()
            self.release.begin(JOB, OUTCOME, 0.0)
            self.release.save()

    def again(self) -> None:
        """A new life of the service."""
        instruments = Instruments(CollectorRegistry())
        self.release = Release(
            PLAN, self.database, self.jobs.mark_rolled_back, self.labels, self.journal, self.repository, instruments
        )

    def turn(self, now: float, *events: FrameScored | FrameLabelled | Rollback) -> str:
        """A turn of the service at `now`; the rollout's state after it."""
        with self.database.transaction():
            self.release.load()
            for event in events:
                match event:
                    case FrameScored():
                        self.release.frame(event, now)
                    case FrameLabelled():
                        self.release.label(event)
                    case Rollback():
                        self.release.rolled_back(event, now)
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
        event = FrameScored(
            event_id=f"{self.number} {version}",
            occurred_at=now,
            model="small",
            frame_id=str(self.number),
            camera=camera,
            site="hall",
            stream="items",
            version=version,
            variant=variant,
            captured_at=now,
            received_at=now,
            width=1,
            height=1,
            bytes=1,
            codec="jpg",
            statistics=STATISTICS,
            prediction=prediction,
            confidence=0.9,
            entropy=0.3,
        )
        return msgspec.structs.replace(event, **fields)

    def told(self) -> list[str]:
        """The states that went into the outbox."""
        records = self.database.outbox()[1]
        events = [msgspec.json.decode(record.value) for record in records]
        return [event["state"] for event in events if event["type"] == RolloutAdvanced.__name__]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.database.close()


def walk(bench: Bench, until: str) -> float:
    """Frames and time until a state is reached; the time then."""
    now = 1.0
    while bench.turn(now) != until:
        bench.turn(now, *bench.frames(now))
        now += 10
        assert now < 1000, "never reached"
    return now


def test_the_channels_follow_each_state(bench: Bench) -> None:
    walk(bench, "stable")
    assert bench.told() == ["shadow", "canary", "canary", "champion", "watch", "stable"]
    history = [(one.champion, one.candidate, one.share, one.shadow, one.previous) for one in bench.repository.history("small")]
    assert history == [
        ("1", None, 0.0, None, None),
        ("1", None, 0.0, "2", None),
        ("1", "2", 0.5, "2", None),
        ("1", "2", 1.0, "2", None),
        ("2", None, 0.0, "1", "1"),
        ("2", None, 0.0, None, "1"),
    ]
    entered = [row.body["after"]["sequence"] for row in bench.journal.ledger.rows() if row.kind == CHANNELS]
    assert entered == [1, 2, 3, 4, 5, 6]
    assert bench.journal.ledger.broken_at() is None


@pytest.mark.parametrize("reached", ["shadow", "canary", "champion", "watch"])
def test_killed_between_a_step_and_its_channels_it_applies_them_once(
    bench: Bench, reached: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk_to = {"shadow": None, "canary": "shadow", "champion": "canary", "watch": "champion"}[reached]
    now = walk(bench, walk_to) if walk_to else 1.0

    def killed(*_: object) -> None:
        raise StoreError("killed here")

    def on(at: float) -> None:
        bench.release.reconcile(at)
        for i in range(5):
            bench.turn(at + 10 * i, *bench.frames(at + 10 * i))

    # First before the channels are written, then after, before it is noted that they stand.
    for where, what in ((bench.repository, "set_channels"), (Rollouts, "save")):
        with monkeypatch.context() as broken:
            broken.setattr(where, what, killed)
            with pytest.raises(StoreError):
                on(now)
        bench.again()
        now += 50
    told = bench.told()
    bench.release.reconcile(now)
    assert bench.told() == told
    walk_on = [bench.turn(now + 10 * i, *bench.frames(now + 10 * i)) for i in range(1, 20)]
    assert walk_on[-1] == "stable"
    assert bench.told() == ["shadow", "canary", "canary", "champion", "watch", "stable"]
    assert [one.share for one in bench.repository.history("small") if one.candidate] == [0.5, 1.0]


def test_repeated_and_audit_frames_are_no_evidence(bench: Bench) -> None:
    bench.turn(1.0)
    frames = bench.frames(1.0, rounds=1)[:8]
    audits = [msgspec.structs.replace(one, audit=True) for one in bench.frames(1.0, rounds=5)]
    for now in (10.0, 20.0, 30.0):
        assert bench.turn(now, *frames, *audits) == "shadow"
    rollout = Rollouts(bench.database).newest()
    assert rollout is not None
    assert rollout.frames == 4


def test_a_faulty_camera_is_not_judged(bench: Bench) -> None:
    bench.turn(1.0)
    fault = Incident(
        incident_id="i",
        cause="camera_fault",
        severity="ticket",
        headline="",
        action="",
        site="hall",
        cameras=CAMERAS,
        version="1",
        since=0.0,
        opened_at=0.0,
    )
    bench.labels.fault(fault, None)
    assert bench.turn(10.0, *bench.frames(10.0, label="flower")) == "shadow"  # neither an alarm nor a live camera for the canary
    bench.labels.no_fault("i")
    assert bench.turn(20.0, *bench.frames(20.0, label="flower")) == "rolling_back"


def test_a_candidate_that_contradicts_its_parent_is_taken_back_and_its_job_knows(bench: Bench) -> None:
    bench.turn(1.0)
    assert bench.turn(10.0, *bench.frames(10.0, rounds=4, label="flower")) == "rolling_back"
    assert bench.turn(20.0, *bench.frames(20.0)) == "rolled_back"
    assert bench.jobs.recent()[0].rolled_back
    assert bench.repository.channels("small").shadow is None
    assert bench.release.active is None


def test_worse_on_labelled_frames_is_taken_back(bench: Bench) -> None:
    bench.turn(1.0)

    def labelled(number: int) -> FrameLabelled:
        said = (
            Scored("1", "champion", Classification(("china", "flower"), (0.9, 0.1))),
            Scored("2", "shadow", Classification(("flower", "china"), (0.9, 0.1))),
        )
        return FrameLabelled(
            event_id=str(number),
            occurred_at=2.0,
            model="small",
            frame_id=str(number),
            camera="line-1",
            site="hall",
            captured_at=2.0,
            truth=ClassTruth("china"),
            predictions=said,
            stored="x",
            sample="uniform",
        )

    unsure = [msgspec.structs.replace(labelled(i), sample="uncertain") for i in range(40)]
    assert bench.turn(2.0, *unsure) == "shadow"
    assert bench.turn(3.0, *(labelled(i) for i in range(40))) == "rolling_back"
    assert "labelled_error" in bench.repository.channels("small").reason


def test_channels_moved_by_a_person_end_the_rollout_and_stay(bench: Bench) -> None:
    now = walk(bench, "canary")
    by_hand = changed(bench.repository.channels("small"), now, "ada", "stop this", candidate=None, share=0.0, shadow=None)
    bench.repository.set_channels("small", by_hand)
    assert bench.turn(now + 1) == "rolled_back"
    assert bench.repository.channels("small") == by_hand
    assert bench.told()[-1] == "rolled_back"


def test_another_writer_in_between_is_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stale, reading = bench.repository.channels("small"), bench.repository.channels
    bench.repository.set_channels("small", changed(stale, 0.5, "ada", "a note"))
    answers = [stale]
    monkeypatch.setattr(bench.repository, "channels", lambda model: answers.pop() if answers else reading(model))
    bench.release.reconcile(1.0)
    assert reading("small").shadow is None
    bench.release.reconcile(2.0)
    assert reading("small").shadow == "2"
    assert reading("small").sequence == stale.sequence + 2


def test_a_rollback_command_in_the_watch(bench: Bench) -> None:
    now = walk(bench, "watch")
    command = Rollback(event_id="r", occurred_at=now, model="small", by="ada", reason="it hums")
    assert bench.turn(now + 1, command) == "rolling_back"
    assert bench.repository.channels("small").champion == "1"
    assert bench.turn(now + 2, *bench.frames(now + 2, rounds=1)) == "rolled_back"
    assert bench.repository.channels("small").by == "ada"
