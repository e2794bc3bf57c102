"""The supervision of jobs: whose training process runs, by our own clock and not by one that is set; and what a tick costs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import StoreError, TakenOverError
from contracts.files import Folder
from contracts.logs import Logger
from contracts.manifest import digest
from contracts.repository import ModelRepository
from retrain.job import Job
from retrain.jobs.conclusion import DISRUPTIONS
from retrain.jobs.supervision import Training, TrainingPlan
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.launch.launcher import Death, Progress
from retrain.metrics import Instruments
from retrain.registry import verdicts
from retrain.request import PAGE, REQUEST, CandidateOutcome, CandidateRequest
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState
from retrain.trigger.policy import Limits
from tests.packages import packaged
from tests.small_model import publish_small_version

LEASE_S = 15.0
HOUR_S = 3600.0
TIMEOUT_S = 1e6
START = 1_760_000_000.0
RUNNING = Job(
    job_id="j",
    request_key="k",
    trigger="operator",
    version="1",
    reason="",
    since=0.0,
    created_at=START,
    state="running",
    started_at=START,
    owner="another",
    fence=3,
    steps_read=70,
)


class Process:
    """A training process that runs until the test ends it."""

    def __init__(self) -> None:
        self.over = False
        self.answer: CandidateOutcome | None = None
        self.read: list[int] = []
        self.stopped: list[float] = []
        self.abandoned: list[float] = []
        self.queued = ""
        self.end: Death = Death("killed", "killed")

    def ended(self) -> bool:
        return self.over

    def waits(self) -> str:
        return self.queued

    def progress(self, read: int) -> Progress:
        self.read.append(read)
        return Progress([], read)

    def outcome(self) -> CandidateOutcome | None:
        return self.answer

    def death(self) -> Death:
        return self.end

    def last_words(self) -> str:
        return ""

    def stop(self, grace_s: float) -> None:
        self.over = True
        self.stopped.append(grace_s)

    def abandon(self, grace_s: float) -> None:
        self.abandoned.append(grace_s)


class Desk:
    """A supervision over a real state, with clocks of the test's. It is its own launcher."""

    def __init__(self, folder: Path) -> None:
        self.repository = ModelRepository(str(folder / "repository"))
        publish_small_version(self.repository.url, "small", "1")
        self.folder = folder
        self.state = SqliteState(folder / "state.sqlite3", "small")
        self.database = Database(self.state, "test")
        self.jobs, self.labels = Jobs(self.database), Labels(self.database)
        self.opened: list[tuple[str, str]] = []
        self.sought: list[tuple[str, str]] = []
        self.process = Process()
        self.monotonic_s = 100.0
        self.plan = TrainingPlan(
            model="small",
            folder=str(folder / "jobs"),
            owner="us",
            request=CandidateRequest(
                job_id="",
                request_key="",
                model="small",
                parent="",
                repository=self.repository.url,
                frame_store=str(folder / "frames"),
                since=0.0,
                labels=(),
                seed=0,
                devices=2,
                policy="strict",
            ),
            limits=Limits(0.0, 0.0, 0.0, 7, 10, 5),
            attempts=3,
            retry_delay_s=10.0,
            job_timeout_s=TIMEOUT_S,
            lease_s=LEASE_S,
            stop_grace_s=5.0,
        )
        self.again()

    def again(self) -> None:
        """A new life of the service, as after a kill."""
        log, instruments = Logger("test"), Instruments(CollectorRegistry())
        journal = Journal(self.database, "small", log)
        self.training = Training(
            self.plan, self.jobs, self.labels, journal, self.repository, self, instruments, log, lambda: self.monotonic_s
        )

    def open(self, folder: str, name: str) -> Process:
        self.opened.append((name, folder))
        return self.process

    def find(self, folder: str, name: str) -> Process | None:
        self.sought.append((name, folder))
        return self.process if (name, folder) in self.opened and not self.process.over else None

    def cancel(self) -> None:
        """A person's order, as orders.py carries it out."""
        job = self.jobs.get("j")
        assert job is not None
        with self.database.transaction():
            self.training.end(job)
            self.jobs.save(msgspec.structs.replace(job, state="rejected", cancelled=True, finished_at=START, owner=""))

    def request(self) -> CandidateRequest:
        """What the training process was asked."""
        return msgspec.json.decode(self.job.read(REQUEST), type=CandidateRequest)

    def packaged(self, fence: int = RUNNING.fence) -> CandidateOutcome:
        """The process ended, and left a package."""
        self.process.over, self.process.answer = True, packaged(self.job, "small", fence=fence)
        return self.process.answer

    @property
    def job(self) -> Folder:
        """The job's folder."""
        return Folder(str(self.folder / "jobs" / "j" / "1"))

    def save(self, job: Job) -> None:
        with self.database.transaction():
            self.jobs.save(job)

    def look(self, now: float, after_s: float = 0.0, rollout: str | None = None) -> Job:
        """A tick; the job after it."""
        self.monotonic_s += after_s
        self.training.prepare(now)
        with self.database.transaction():
            self.training.advance(now, rollout)
        return self.jobs.recent()[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.database.close()


def test_what_another_had_is_left_alone_for_a_while_whatever_the_wall_clock_says(desk: Desk) -> None:
    desk.save(RUNNING)
    desk.look(START)
    for now in (START + HOUR_S, START - HOUR_S, START):
        assert desk.look(now, after_s=LEASE_S / 4).owner == "another"
    assert not desk.opened
    taken = desk.look(START, after_s=LEASE_S / 4)
    assert (taken.owner, taken.fence, len(desk.opened)) == ("us", 4, 0)
    for _ in range(2):
        assert desk.look(START - HOUR_S) == taken
        assert len(desk.opened) == 1


def test_the_wait_begins_anew_with_another_owner(desk: Desk) -> None:
    desk.save(RUNNING)
    desk.look(START)
    desk.save(msgspec.structs.replace(RUNNING, owner="a third"))
    assert desk.look(START, after_s=LEASE_S - 1).owner == "a third"
    assert desk.look(START, after_s=LEASE_S - 1).owner == "a third"
    assert desk.look(START, after_s=1).owner == "us"


def test_what_was_left_in_order_goes_on_at_once(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner=""))
    assert desk.look(START).owner == "us"
    desk.look(START)
    desk.training.abandon()
    with desk.database.transaction():
        desk.training.leave()
    (left,) = desk.jobs.recent()
    assert (left.owner, left.fence, desk.process.abandoned) == ("", 4, [5.0])


def test_steps_are_read_on_where_they_lie_and_from_the_first_elsewhere(desk: Desk) -> None:
    """A request of an older fence is elsewhere too: what was started with it belongs to a life that others took over since."""
    for saved in (RUNNING, msgspec.structs.replace(RUNNING, fence=4), msgspec.structs.replace(RUNNING, fence=9)):
        desk.save(msgspec.structs.replace(saved, owner=""))
        desk.look(START)
        desk.look(START)
        desk.training.abandon()
    assert desk.process.read == [0, 70, 0]
    assert desk.request().fence == 10


def test_a_clock_that_was_set_back_delays_no_second_attempt(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.process.over = True
    failed = desk.look(START)
    assert (failed.attempt, failed.not_before) == (2, START + 10.0)
    desk.process.over = False
    desk.look(START + 9.0)
    assert len(desk.opened) == 1
    desk.look(START - HOUR_S)
    assert len({name for name, _ in desk.opened}) == 2


def test_labels_are_counted_only_where_nothing_else_holds(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.save(msgspec.structs.replace(RUNNING, state="queued", owner="", started_at=None))
    counted: list[float] = []

    def count(since: float, excluded: tuple[str, ...]) -> int:
        counted.append(since)
        return 3

    monkeypatch.setattr(desk.labels, "count_new", count)
    assert desk.look(START, rollout="2").hold == "rollout_active"
    assert not counted
    held = desk.look(START)
    assert (held.hold, held.labels_seen, counted) == ("labels", 3, [0.0])


@pytest.mark.parametrize("mounted", [True, False])
def test_a_repository_that_is_away_at_the_end_costs_no_attempt(desk: Desk, mounted: bool) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    version = digest(desk.repository.manifest("small", "1"))
    desk.process.over, desk.process.answer = True, CandidateOutcome(verdict="published", reason="", version="1", digest=version)
    place, elsewhere = desk.folder / "repository", desk.folder / "elsewhere"
    place.rename(elsewhere)
    if mounted:
        place.touch()  # something is there, and cannot be looked into
    for _ in range(4):
        assert desk.look(START).state == "running"
        assert desk.training.trouble
    place.unlink(missing_ok=True)
    elsewhere.rename(place)
    done = desk.look(START)
    assert (done.state, done.attempt, done.candidate, len(desk.opened)) == ("succeeded", 1, "1", 1)


def test_a_process_whose_host_was_taken_away_costs_no_attempt_within_reason(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us", disruptions=DISRUPTIONS - 1))
    desk.look(START)
    desk.process.over, desk.process.end = True, Death("disrupted", "its node was drained")
    again = desk.look(START)
    assert (again.attempt, again.disruptions, again.detail) == (1, DISRUPTIONS, "its node was drained")
    assert desk.look(START + 11).attempt == 2
    assert len({name for name, _ in desk.opened}) == 2, "each of them goes by a name of its own"


def following(desk: Desk) -> Job:
    """Another job, that nothing holds."""
    desk.labels.count_new = lambda *_: 1000  # type: ignore[method-assign]
    after = msgspec.structs.replace(RUNNING, job_id="k", request_key="l", state="queued", owner="", started_at=None, version="")
    desk.save(after)
    return after


def test_a_job_that_was_cancelled_ends_its_process_before_another_begins(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    following(desk)
    desk.training.prepare(START)
    desk.cancel()
    with desk.database.transaction():  # the turn in which the cancellation arrives
        desk.training.advance(START, None)
        assert not desk.jobs.running()
    assert not desk.process.stopped
    desk.training.prepare(START)
    assert (desk.process.stopped, desk.jobs.ending()) == ([5.0], [])
    with desk.database.transaction():
        desk.training.advance(START, None)
        running = desk.jobs.running()
    assert running is not None
    assert running.job_id == "k"


@pytest.mark.parametrize("state", ["running", "ended"])
def test_cancelled_while_no_service_ran_the_next_one_ends_the_process(desk: Desk, state: str) -> None:
    """Or killed between saying so and doing it."""
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    following(desk)
    desk.cancel()
    desk.process.over = state == "ended"
    desk.again()
    desk.training.prepare(START)
    assert desk.sought == desk.opened
    assert desk.process.stopped == ([5.0] if state == "running" else [])
    assert desk.jobs.ending() == []
    desk.look(START)
    assert [job.state for job in desk.jobs.recent()] == ["rejected", "running"]


def test_nothing_begins_beside_a_process_that_does_not_end_and_it_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    following(desk)
    desk.cancel()
    desk.again()
    asked: list[float] = []
    monkeypatch.setattr(desk.process, "stop", asked.append)
    for _ in range(4):
        desk.look(START, after_s=10.0)
        assert "was told to end and lives on" in (desk.training.trouble or "")
        assert [job.state for job in desk.jobs.recent()] == ["rejected", "queued"]
    assert asked == [5.0, 5.0], "a look waits for it, and is not had all the time"
    desk.process.over = True
    desk.look(START)
    assert (desk.training.trouble, [job.state for job in desk.jobs.recent()]) == (None, ["rejected", "running"])


def test_stores_and_launchers_are_asked_outside_of_any_transaction(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs would end the transaction in PostgreSQL, and with it the whole turn, again and again."""
    inside: list[str] = []
    for owner, names in (
        (desk.process, ("ended", "waits", "progress", "outcome", "death", "last_words", "stop")),
        (desk, ("open", "find")),
        (Folder, ("read", "write", "remove", "exists")),
        (ModelRepository, ("stage",)),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, watched(desk, inside, name, getattr(owner, name)))
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.look(START, after_s=TIMEOUT_S * 2)
    desk.process.over = True
    assert desk.look(START + 20).attempt == 3
    desk.process.over = False
    desk.look(START + 40)
    desk.packaged()
    assert desk.look(START + 60).state == "succeeded"
    assert set(inside) == {"exists", "write"}, "the manifest, which makes it a version, is written with the turn that says so"


def watched(desk: Desk, inside: list[str], name: str, ask: Callable[..., object]) -> Callable[..., object]:
    def asked(*arguments: object, **named: object) -> object:
        if desk.state._inside:
            inside.append(name)
        return ask(*arguments, **named)

    return asked


def test_why_a_process_has_not_begun_is_told_once(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.process.queued = "its pod has not begun: ImagePullBackOff"
    for _ in range(3):
        job = desk.look(START)
    assert (job.state, job.detail) == ("running", "its pod has not begun: ImagePullBackOff")
    _, records = desk.database.outbox()
    assert sum(b"ImagePullBackOff" in record.value for record in records) == 1


def test_a_process_that_has_not_begun_takes_no_device(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.process.queued = "its pod has not begun: Unschedulable"
    for _ in range(3):
        desk.look(START, after_s=2 * HOUR_S)
    desk.process.queued = ""
    desk.look(START)
    desk.packaged()
    assert desk.look(START, after_s=5.0).device_s == 10.0


def test_device_time_is_counted_over_attempts_and_services(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.process.over = True
    assert desk.look(START, after_s=30.0).device_s == 60.0, "two devices"
    desk.process.over = False
    desk.look(START + 11)
    desk.monotonic_s += 5
    desk.training.abandon()
    with desk.database.transaction():
        desk.training.leave()
    assert desk.look(START + 11).device_s == 70.0
    desk.look(START + 11)
    desk.packaged()
    assert desk.look(START + 12, after_s=1.0).device_s == 72.0


def test_a_process_that_hangs_is_killed_in_the_end_whoever_watches(desk: Desk) -> None:
    """Services that come and go do not begin its time anew; each attempt has its own."""
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    for _ in range(3):
        desk.look(START)
        desk.look(START, after_s=TIMEOUT_S / 4)
        assert not desk.process.stopped
        desk.training.abandon()
        with desk.database.transaction():
            desk.training.leave()
        desk.look(START)
    desk.look(START)
    killed = desk.look(START, after_s=TIMEOUT_S / 3)
    assert f"longer than {TIMEOUT_S:g} s (setting job_timeout_s)" in killed.detail
    assert killed.attempt == 2
    desk.look(START + 1)
    assert desk.process.stopped == [5.0]
    desk.process.over = False
    desk.look(START + 11)
    assert desk.look(START + 11, after_s=TIMEOUT_S / 2).attempt == 2


def published(desk: Desk) -> list[str]:
    """The versions that events tell of, and those that the repository holds beside the first."""
    _, records = desk.database.outbox()
    events = [msgspec.json.decode(record.value, type=dict) for record in records]
    told = [event["version"] for event in events if event["type"] == "ModelPublished"]
    assert desk.repository.versions("small") == ["1", *told]
    return told


def test_a_package_becomes_a_version_with_the_turn_that_says_so(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged()
    desk.training.prepare(START)
    assert published(desk) == []
    done = desk.look(START)
    assert (done.state, done.candidate, published(desk)) == ("succeeded", "2", ["2"])


def killed(job: Job) -> Job:
    raise ZeroDivisionError


def test_killed_before_commit_the_next_life_publishes_the_same_version(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged()
    desk.training.prepare(START)
    monkeypatch.setattr(desk.jobs, "save", killed)  # the manifest is written, the turn is not saved
    with pytest.raises(ZeroDivisionError):
        desk.look(START)
    monkeypatch.undo()
    assert desk.repository.versions("small") == ["1", "2"]
    first = desk.repository.manifest("small", "2")
    desk.training.abandon()  # as a new life: nothing is remembered
    done = desk.look(START + 5)
    assert (done.state, published(desk), desk.repository.manifest("small", "2")) == ("succeeded", ["2"], first)


def test_who_was_taken_over_between_copying_and_saying_publishes_nothing(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged()
    heir = Database(SqliteState(desk.folder / "state.sqlite3", "small"), "heir")
    desk.training.prepare(START)
    heir.take()
    with pytest.raises(TakenOverError):
        desk.look(START)
    heir.close()
    assert desk.repository.versions("small") == ["1"]


def test_a_zombie_of_an_older_fence_publishes_nothing_and_the_next_attempt_answers_for_itself(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged(fence=2)
    desk.job.write("outcome.json", b"the zombie's")
    failed = desk.look(START)
    assert (failed.state, failed.attempt, published(desk)) == ("running", 2, [])
    assert "under fence 2, the job has 3 now" in failed.detail
    assert not desk.job.exists("outcome.json")
    desk.packaged()
    assert (desk.look(START + 11.0).state, published(desk)) == ("succeeded", ["2"])


def test_a_package_that_was_altered_is_a_failed_attempt_that_names_the_file(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged()
    desk.job.write("package/model.onnx", b"another graph")
    failed = desk.look(START)
    assert (failed.state, failed.attempt, published(desk)) == ("running", 2, [])
    assert "package/model.onnx was altered" in failed.detail


def test_a_repository_that_is_away_when_a_package_waits_costs_nothing(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged()
    place, elsewhere = desk.folder / "repository", desk.folder / "elsewhere"
    place.rename(elsewhere)
    for _ in range(4):
        assert desk.look(START).state == "running"
        assert "is it mounted" in (desk.training.trouble or "")
    elsewhere.rename(place)
    done = desk.look(START)
    assert (done.state, done.attempt, published(desk), desk.training.trouble) == ("succeeded", 1, ["2"], None)


def test_what_a_look_did_before_it_got_stuck_is_undone_and_done_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.packaged()

    def away(repository: ModelRepository, manifest: object) -> None:
        raise StoreError("the folder is away")

    monkeypatch.setattr(ModelRepository, "finish", away)
    for _ in range(3):
        assert (desk.look(START).state, desk.training.trouble) == ("running", "training waits: the folder is away")
    monkeypatch.undo()
    assert (desk.look(START).state, desk.training.trouble, published(desk)) == ("succeeded", None, ["2"])


def test_a_version_that_is_not_what_was_said_is_a_failed_attempt(desk: Desk) -> None:
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.process.over = True
    for answer, said in (("1", "the outcome says 000000000000"), ("7", "7")):
        desk.process.answer = CandidateOutcome(verdict="published", reason="", version=answer, digest="0" * 64)
        desk.job.write("outcome.json", b"it")
        failed = desk.look(START + 100.0 * int(answer))
        assert (failed.state, said in failed.detail, desk.job.exists("outcome.json")) == ("running", True, False)
    assert failed.attempt == 3


def test_a_job_is_judged_by_the_policy_of_the_settings(desk: Desk) -> None:
    desk.save(RUNNING)
    desk.look(START)
    desk.look(START, after_s=LEASE_S)
    desk.look(START)
    assert desk.request().policy == "strict"


@pytest.mark.parametrize(("kept", "away"), [(True, False), (False, False), (True, True)])
def test_what_is_said_of_a_verdict_says_where_its_page_lies(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, kept: bool, away: bool
) -> None:
    """In the repository, which the console reads on every host; a repository that takes no page holds up no verdict."""

    def fails(*_: object) -> None:
        raise StoreError("the repository is full")

    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    desk.process.over, desk.process.answer = True, CandidateOutcome(verdict="rejected", reason="", page=PAGE)
    if kept:
        desk.job.write(PAGE, b"<p>worse</p>")
    if away:
        monkeypatch.setattr(verdicts, "mounted", fails)
    desk.look(START)
    _, records = desk.database.outbox()
    events = [msgspec.json.decode(record.value, type=dict) for record in records]
    place = f"{RUNNING.job_id}/{RUNNING.round}/{PAGE}"
    assert (events[-1]["page"], events[-1]["state"]) == (f"verdicts/small/{place}" if kept and not away else place, "rejected")


def test_the_next_trial_is_told_how_often_each_recording_has_judged(desk: Desk) -> None:
    with desk.database.transaction():
        desk.jobs.count_verdict(("r1", "r2"))
    desk.save(msgspec.structs.replace(RUNNING, owner="us"))
    desk.look(START)
    assert desk.request().verdicts == {"r1": 1, "r2": 1}
    desk.process.over, desk.process.answer = True, CandidateOutcome(verdict="held", reason="", judged_on=("r2", "r3"))
    desk.look(START)
    assert desk.jobs.gate_uses() == {"r1": 1, "r2": 2, "r3": 1}
