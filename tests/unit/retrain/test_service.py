"""The service's turns over a real log and repository with a clock of the test's: repeated alarms, the calendar, commands, bad records.

The training process is a small script that refuses its candidate at once; what it would publish is followed in the integration tests.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from contracts.channels import Channels
from contracts.errors import LogAwayError, StoreError, TakenOverError
from contracts.events import (
    COMMANDS,
    DEAD,
    LABELS,
    RETRAIN,
    TOPICS,
    AnyEvent,
    Approve,
    CancelJob,
    Dead,
    FrameLabelled,
    IncidentClosed,
    IncidentOpened,
    JobAdvanced,
    LabelsWanted,
    OverrideCounts,
    RequestRetrain,
    RetrainRequested,
    ReviewLabel,
    Rollback,
    RolloutAdvanced,
    WantedFrame,
    decode,
    encode,
)
from contracts.ids import new_id
from contracts.incidents import Incident
from contracts.log import open_bus
from contracts.logs import Logger
from contracts.ports import EARLIEST, Outgoing
from contracts.predictions import ClassTruth
from contracts.repository import ModelRepository
from retrain.__main__ import wired
from retrain.jobs.table import Jobs
from retrain.labels.book import Labels
from retrain.service import RetrainService
from retrain.settings import RetrainSettings
from retrain.state.database import Database
from retrain.state.ledger import Ledger
from retrain.state.sqlite import SqliteState
from retrain.ticks import Duty
from tests.small_model import publish_small_version, set_channels

HOUR_S, DAY_S = 3600.0, 86_400.0
START = 1_760_000_000.0
DEADLINE_S = 60.0
REFUSES = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
labels = json.loads((folder / "request.json").read_text())["labels"]
scarce = len(labels) < 15
verdict = {"verdict": "held", "reason": "too few of class china"} if scarce else {"verdict": "rejected", "reason": "no better than its parent"}
if len(labels) >= 30:
    print(json.dumps({"step": "train", "progress": 0.5, "metrics": {"loss": 0.25}}), flush=True)
(folder / "outcome.json").write_text(json.dumps(verdict))
"""


class Hours:
    """Ticks that are always due; the calendar's when the test says so."""

    def __init__(self) -> None:
        self.calendar = False

    def due(self) -> set[Duty]:
        due: set[Duty] = {"advance"} | ({"calendar"} if self.calendar else set())
        self.calendar = False
        return due


class Site:
    """The service with a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.ticks = Hours()
        self.settings = RetrainSettings(
            log=f"embedded://{folder}/log",
            repository=str(folder / "repository"),
            frame_store=str(folder / "frames"),
            state=folder / "state",
            model="small",
            labels_wanted=10,
            labels_more=5,
            lease_s=1e9,
        )
        publish_small_version(self.settings.repository, "small", "1")
        self.bus = open_bus(self.settings.log)
        self.bus.ensure_topics(TOPICS)
        self.database = self.open()
        self.registry = CollectorRegistry()
        self.service = self.wire(self.database)

    def open(self) -> Database:
        """The state, once more."""
        return Database(SqliteState(self.settings.state / "retrain.sqlite3", "small"), "retrain/test")

    def wire(self, database: Database) -> RetrainService:
        """A service of this site."""
        command = (sys.executable, "-c", REFUSES)
        registry = CollectorRegistry() if hasattr(self, "service") else self.registry
        service = wired(
            self.settings,
            self.bus,
            database,
            self.ticks,  # type: ignore[arg-type]
            registry,
            command,
            Logger("test"),
            lambda: self.now,
        )
        service._poll_s = 0.0
        return service

    def publish(self, *events: AnyEvent) -> None:
        self.bus.publish([encode(event, "test") for event in events])

    def turn(self, forward_s: float = 0.0) -> None:
        self.now += forward_s
        self.service.step()

    def until_idle(self) -> None:
        """Turns until no training process runs."""
        deadline = time.monotonic() + DEADLINE_S
        self.turn()
        while self.jobs() and self.jobs()[-1].state == "running":
            assert time.monotonic() < deadline
            time.sleep(0.01)
            self.turn()

    def events(self, topic: str = RETRAIN) -> list[AnyEvent]:
        reader = self.bus.reader(None, [topic])
        records = reader.poll(0.0, 10_000)
        reader.close()
        return [decode(record) for record in records]

    def jobs(self) -> list[JobAdvanced]:
        return [event for event in self.events() if isinstance(event, JobAdvanced)]

    def states(self) -> list[tuple[str, str]]:
        return [(event.state, event.detail) for event in self.jobs()]

    def request(self, key: str = "episode", version: str = "1", incident: str = "") -> RetrainRequested:
        return RetrainRequested(
            event_id=new_id(self.now),
            occurred_at=self.now,
            model="small",
            request_key=key,
            version=version,
            reason="decay",
            incident_id=incident,
            since=START - DAY_S,
        )

    def label(self, count: int) -> None:
        self.publish(*(self._label() for _ in range(count)))

    def _label(self) -> FrameLabelled:
        frame = new_id(self.now)
        return FrameLabelled(
            event_id=frame,
            occurred_at=self.now,
            model="small",
            frame_id=frame,
            camera="line-1",
            site="hall",
            captured_at=self.now,
            truth=ClassTruth("china"),
            predictions=(),
            stored=f"frames/{frame}.jpg",
            sample="uniform",
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.service.close()
    made.database.close()
    made.bus.close()


def test_labels_alone_start_nothing(site: Site) -> None:
    for _ in range(12):
        site.label(5)
        site.turn(6 * HOUR_S)
    assert site.jobs() == []


def test_hourly_alarms_of_one_episode_are_one_job(site: Site) -> None:
    site.label(20)
    for _ in range(48):
        site.publish(site.request())
        site.turn(HOUR_S)
        site.until_idle()
    assert [state for state, _ in site.states()] == ["queued", "running", "rejected", "queued", "held"]
    assert "no better than its parent" in site.states()[2][1]
    assert "cooldown" in site.states()[4][1]
    joined = [row for row in Ledger(site.database).rows() if row.kind == "request_joined"]
    assert len(joined) == 46
    assert Ledger(site.database).broken_at() is None


def test_the_same_request_twice_is_one(site: Site) -> None:
    request = site.request()
    site.publish(request, request)
    site.turn()
    site.publish(request)
    site.turn()
    assert [state for state, _ in site.states()] == ["queued", "held"]
    assert [row.kind for row in Ledger(site.database).rows()].count("request_joined") == 0


def test_a_refused_candidate_is_tried_again_after_its_cooldown(site: Site) -> None:
    site.label(20)
    site.publish(site.request())
    site.until_idle()
    site.publish(site.request())
    site.turn(3 * DAY_S - 60)
    assert site.states()[-1][0] == "held"
    site.turn(120)
    site.until_idle()
    assert [state for state, _ in site.states()].count("rejected") == 2


def test_a_request_about_a_former_champion_is_put_aside(site: Site) -> None:
    publish_small_version(site.settings.repository, "small", "2", seed=1)
    site.label(20)
    site.publish(site.request(version="1"))
    site.turn()
    assert site.states()[-1] == ("rejected", "the request speaks of version 1; the champion is 2 by now")


def test_an_incident_that_closes_first_takes_its_job_along(site: Site) -> None:
    site.publish(site.request(incident="i1"))
    site.turn()
    incident = Incident(
        incident_id="i1",
        cause="quality_decay",
        severity="page",
        headline="",
        action="",
        site="hall",
        cameras=(),
        version="1",
        since=0.0,
        opened_at=0.0,
    )
    site.publish(IncidentClosed(event_id="c1", occurred_at=site.now, model="small", incident=incident, resolution="recovered"))
    site.label(20)
    site.turn()
    assert site.states()[-1] == ("rejected", "its incident closed before it started: recovered")


def test_while_a_version_waits_for_its_rollout_nothing_begins_to_train(site: Site) -> None:
    publish_small_version(site.settings.repository, "small", "2", seed=1, champion=False)
    with site.database.transaction():
        waiting = {"version": "2", "parent": "1", "gates": [], "job_id": ""}
        site.database.remember("next_rollout", msgspec.json.encode(waiting).decode())
    site.label(20)
    site.publish(site.request())
    site.turn()
    assert site.states()[-1] == ("held", "version 2 is being rolled out: its end is awaited")


def test_a_person_and_the_calendar_may_ask(site: Site) -> None:
    site.label(3)
    site.publish(RequestRetrain(event_id="r1", occurred_at=site.now, model="small", by="ada", reason="new glass"))
    site.ticks.calendar = True
    site.turn()
    site.ticks.calendar = True
    site.turn()
    queued = [detail for state, detail in site.states() if state == "queued"]
    assert queued == ["ada: new glass", "the calendar"]
    assert [event.by for event in site.jobs() if event.state == "queued"] == ["ada", ""]
    site.label(20)
    site.until_idle()
    assert site.states()[-1][0] == "rejected"


def test_a_job_that_training_held_is_tried_again_when_more_labels_came(site: Site) -> None:
    site.label(12)
    site.publish(site.request())
    site.until_idle()
    assert site.states()[-1] == ("held", "too few of class china; it is tried again with 17 new labels, 12 were tried")
    site.label(4)
    site.until_idle()
    assert len(site.states()) == 3
    site.label(1)
    site.until_idle()
    assert [state for state, _ in site.states()] == ["queued", "running", "held", "running", "rejected"]
    assert len({event.job_id for event in site.jobs()}) == 1


def test_while_the_repository_is_away_it_is_told_what_waits(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.turn()

    def away(repository: ModelRepository, model: str) -> Channels:
        raise StoreError("the repository is away")

    monkeypatch.setattr(ModelRepository, "channels", away)
    site.publish(site.request())
    with pytest.raises(StoreError):
        site.turn()
    assert site.states() == [("queued", "decay")]
    monkeypatch.undo()
    site.turn()
    assert [state for state, _ in site.states()] == ["queued", "held"]


def test_a_person_lets_a_held_job_train_at_once(site: Site) -> None:
    site.label(12)
    site.publish(site.request())
    site.until_idle()
    job = site.jobs()[-1].job_id
    about = {"occurred_at": site.now, "model": "small", "job_id": job, "by": "ada"}
    site.publish(OverrideCounts(event_id="o", reason="the line waits", **about))  # type: ignore[arg-type]  # of `about`
    site.until_idle()
    assert [state for state, _ in site.states()] == ["queued", "running", "held", "queued", "running", "held"]
    site.turn(HOUR_S)
    assert len(site.states()) == 6  # the same labels again would give the same answer
    site.publish(CancelJob(event_id="c", reason="wrong glass", **about))  # type: ignore[arg-type]  # of `about`
    site.turn()
    assert site.states()[-1] == ("rejected", "cancelled by ada: wrong glass")


def test_a_clock_that_is_set_by_an_hour_starts_nothing_twice(site: Site) -> None:
    site.label(20)
    site.publish(site.request())
    site.until_idle()
    site.publish(site.request(key="another"))
    for set_by_s in (HOUR_S, -HOUR_S, -HOUR_S, HOUR_S):
        site.turn(set_by_s)
    assert [state for state, _ in site.states()].count("running") == 1
    moved = [row.body["why"] for row in Ledger(site.database).rows() if row.kind == "clock_moved"]
    assert [why.split()[4] for why in moved] == ["+3,600", "-3,600", "-3,600", "+3,600"]
    site.turn(3 * DAY_S + 60)
    site.until_idle()
    assert [state for state, _ in site.states()].count("running") == 2


def test_an_archived_version_is_offered_before_a_new_one_is_trained(site: Site) -> None:
    publish_small_version(site.settings.repository, "small", "2", seed=1)
    site.label(20)
    asked = site.request(version="2")
    site.publish(msgspec.structs.replace(asked, recurs="1"))
    for _ in range(3):
        site.turn(HOUR_S)
    assert [(event.state, event.hold) for event in site.jobs()] == [("queued", ""), ("held", "recurring")]
    set_channels(site.settings.repository, "small", champion="1", previous="2")
    site.turn()
    assert site.states()[-1] == ("rejected", "the request speaks of version 2; the champion is 1 by now")


def test_labels_of_a_listed_class_and_its_incident_make_a_job(site: Site) -> None:
    site.service.close()
    site.settings = site.settings.model_copy(update={"new_classes": ("scratch",), "new_class_labels": 5, "labels_wanted": 99})
    site.service = site.wire(site.database)
    one = Incident(
        incident_id="i1", cause="new_class", severity="page", headline="", action="", site="hall", cameras=(), version="1",
        since=site.now, opened_at=site.now,
    )  # fmt: skip
    site.publish(IncidentOpened(event_id="o1", occurred_at=site.now, model="small", incident=one))
    for _ in range(5):
        site.publish(msgspec.structs.replace(site._label(), truth=ClassTruth("scratch")))
        site.turn(90.0)
    site.turn(90.0)
    assert [(event.state, event.trigger, event.hold) for event in site.jobs()] == [
        ("queued", "new_class", ""),
        ("held", "new_class", "labels"),
    ]
    assert site.states()[0][1] == "labels confirm what incident i1 saw: scratch (5 labels)"


def test_the_service_loads_neither_torch_nor_onnxruntime() -> None:
    code = "import sys, retrain.__main__; print([name for name in ('torch', 'onnxruntime', 'onnx') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_commands_that_cannot_be_followed_are_noted(site: Site) -> None:
    site.publish(
        Rollback(event_id="c1", occurred_at=site.now, model="small", by="ada"),
        Approve(event_id="c2", occurred_at=site.now, model="small", version="9", by="ada"),
        Rollback(event_id="c3", occurred_at=site.now, model="another", by="ada"),
    )
    site.turn()
    refused = [row.body["why"] for row in Ledger(site.database).rows() if row.kind == "command_refused"]
    assert refused == ["there is no previous version", "no rollout of version 9"]


def test_a_rollback_without_a_rollout_of_ours_goes_to_the_previous_version(site: Site) -> None:
    publish_small_version(site.settings.repository, "small", "2", seed=1, champion=False)
    set_channels(site.settings.repository, "small", champion="2", previous="1")
    site.publish(Rollback(event_id="c1", occurred_at=site.now, model="small", by="ada", reason="worse"))
    site.turn()
    assert [event.state for event in site.events() if isinstance(event, RolloutAdvanced)] == ["rolling_back"]
    kinds = [row.body["after"]["champion"] for row in Ledger(site.database).rows() if row.kind == "channels"]
    assert kinds == ["1", "2", "1"]


def test_bad_records_go_to_the_dead_letters_and_the_group_moves_on(site: Site) -> None:
    site.bus.publish([Outgoing(COMMANDS, "small", b"not json"), Outgoing(RETRAIN, "small", b'{"type": "Unheard"}')])
    site.publish(site.request())
    site.turn()
    dead = [event for event in site.events(DEAD) if isinstance(event, Dead)]
    assert {event.topic for event in dead} == {COMMANDS, RETRAIN}
    reader = site.bus.reader(None, [RETRAIN])
    found = [record for record in reader.poll(0.0) if record.headers.get("ce_type") == "keepsight.JobAdvanced"]
    reader.close()
    assert len(found) == 2


def test_events_that_concern_others_are_passed_over(site: Site) -> None:
    said = {"occurred_at": site.now, "model": "small"}
    site.publish(
        LabelsWanted(event_id="a", **said, frames=(WantedFrame("f", "line-1", "frames/f.jpg", "uncertain"),)),
        ReviewLabel(event_id="b", **said, frame_id="f", by="ada", verdict="right"),
    )
    site.turn()
    assert site.events(DEAD) == []
    refused = [row.body["why"] for row in Ledger(site.database).rows() if row.kind == "review_refused"]
    assert refused == ["the frame has no label"]


def test_a_step_s_figures_become_metrics(site: Site) -> None:
    site.label(30)
    site.publish(site.request())
    site.turn()
    site.until_idle()
    (told,) = [event for event in site.jobs() if event.metrics]
    assert (told.progress, told.metrics) == (0.5, {"loss": 0.25})
    assert site.registry.get_sample_value("keepsight_retrain_figure", {"figure": "loss"}) == 0.25
    site.turn()
    assert site.registry.get_sample_value("keepsight_retrain_progress") == 0.0


def test_a_turn_that_fails_is_done_again_from_the_saved_offsets(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish(site.request())

    def away(*_: object) -> None:
        raise StoreError("no disk")

    with monkeypatch.context() as broken:
        broken.setattr(site.database, "save_offsets", away)
        with pytest.raises(StoreError):
            site.turn()
    site.service._again("no disk")
    assert site.service.ready() == "no disk"
    site.turn()
    assert site.service.ready() is None
    assert [state for state, _ in site.states()] == ["queued", "held"]


def test_events_decided_while_the_log_was_away_are_published_when_it_is_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish(site.request())

    def away(*_: object) -> None:
        raise LogAwayError("no log")

    with monkeypatch.context() as broken:
        broken.setattr(site.bus, "publish", away)
        with pytest.raises(LogAwayError):
            site.turn()
    assert site.jobs() == []
    site.service._again("no log")
    site.turn()
    assert [state for state, _ in site.states()] == ["queued", "held"]


def test_of_two_services_one_decides_and_the_other_goes_on_when_it_leaves(site: Site) -> None:
    site.turn()
    database = site.open()
    other = site.wire(database)
    site.publish(site.request())
    other.step()
    assert (site.service.active, other.active, other.ready()) == (True, False, None)
    assert site.jobs() == []
    site.turn()
    other.step()
    site.service.close()
    site.publish(site.request())
    other.step()
    assert other.active
    assert [state for state, _ in site.states()] == ["queued", "held"]
    assert [row.kind for row in Ledger(database).rows()].count("request_joined") == 1
    other.close()
    database.close()


def test_one_that_was_taken_over_unknowingly_decides_and_publishes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.turn()

    def away(*_: object) -> None:
        raise LogAwayError("no log")

    site.publish(site.request())
    with monkeypatch.context() as broken:
        broken.setattr(site.bus, "publish", away)
        with pytest.raises(LogAwayError):
            site.turn()
    heir = site.open()
    heir.take()
    with pytest.raises(TakenOverError):
        site.service._publish()
    assert site.jobs() == []
    site.label(20)
    with pytest.raises(TakenOverError):
        site.turn()
    site.service._stand_by("taken over")
    assert not site.service.active
    assert Labels(heir).count() == 0
    site.turn()  # the other left the group: the places, and with them the state, are ours again
    assert site.service.active
    assert [state for state, _ in site.states()][:3] == ["queued", "held", "running"]
    with pytest.raises(TakenOverError), heir.transaction():
        pass
    heir.close()
    site.until_idle()


def test_the_calendar_is_not_forgotten_by_a_turn_that_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.turn()
    site.ticks.calendar = True

    def away(*_: object) -> None:
        raise StoreError("no disk")

    with monkeypatch.context() as broken:
        broken.setattr(site.database, "save_offsets", away)
        with pytest.raises(StoreError):
            site.turn()
    site.service._again("no disk")
    site.turn()
    assert [detail for state, detail in site.states() if state == "queued"] == ["the calendar"]


def test_a_turn_that_fails_for_long_keeps_its_place_and_loses_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.turn()
    database = site.open()
    other = site.wire(database)

    def away(*_: object) -> None:
        raise StoreError("no disk")

    site.label(3)
    with monkeypatch.context() as broken:
        broken.setattr(site.database, "save_offsets", away)
        for _ in range(4):
            with pytest.raises(StoreError):
                site.turn()
            site.service._again("no disk")
            site.label(1)
            other.step()
    assert not other.active
    site.turn()
    site.turn()
    assert Labels(site.database).count() == 7
    assert sum(at for place, at in site.database.offsets().items() if place.topic == LABELS) == 7
    other.close()
    database.close()


def test_places_given_anew_are_read_from_where_they_were_saved(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.turn()

    def away(*_: object) -> None:
        raise StoreError("no disk")

    site.label(3)
    with monkeypatch.context() as broken:
        broken.setattr(site.database, "save_offsets", away)
        with pytest.raises(StoreError):
            site.turn()
    labels = [place for place in site.service._reader.places() if place.topic == LABELS]
    assert [site.service._start_at(place) for place in labels] == [EARLIEST] * len(labels)
    assert not [record for record in site.service._undone if record.place.topic == LABELS]
    assert not [place for place in site.service._offsets if place.topic == LABELS]


def test_a_state_that_is_gone_has_the_labels_again_and_asks_for_nothing_twice(site: Site) -> None:
    site.label(7)
    site.publish(site.request())
    site.turn()
    assert (Labels(site.database).count(), len({event.job_id for event in site.jobs()})) == (7, 1)
    site.service.close()
    site.database.close()
    (site.settings.state / "retrain.sqlite3").unlink()
    site.database = site.open()
    site.service = site.wire(site.database)
    site.turn()
    site.turn()
    assert (Labels(site.database).count(), Jobs(site.database).unfinished()) == (7, ())


def test_a_turn_that_hangs_is_said_while_it_does(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store on a hard mount answers in its own time, and nothing else would tell why nothing goes on."""
    passed = [100.0]
    monkeypatch.setattr(site.service, "_monotonic", lambda: passed[0])
    said: list[str | None] = []

    def hangs() -> None:
        for _ in range(2):
            passed[0] += 45.0
            said.append(site.service.ready())

    monkeypatch.setattr(site.service._desk, "copy", hangs)
    site.turn()
    assert said[0] == "starting"
    assert "a turn takes 90 s so far" in (said[1] or "")
    assert site.service.ready() is None


def test_why_turns_fail_is_told_once_though_it_lasts_longer_with_each(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        for seconds in (3, 4, 15):
            site.service._again(f"StoreError: the repository was asked {seconds} s ago")
        assert site.service.ready() == "StoreError: the repository was asked 15 s ago"
        site.service._again("LogAwayError: no log")
    assert [record.getMessage() for record in caplog.records] == ["turn_failed", "turn_failed"]


def test_a_repository_that_hangs_in_a_turn_leaves_the_rest_of_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL the transaction would end after ten seconds, again and again."""
    site.turn()
    goes_on = threading.Event()
    monkeypatch.setattr(site.service._training._starts.repository, "_bound_s", 0.05)
    site.label(20)
    site.publish(site.request())
    with monkeypatch.context() as hung:
        hung.setattr("retrain.registry.patient.ModelRepository.channels", lambda *_: goes_on.wait(60))
        with pytest.raises(StoreError, match="was asked for the channels"):
            site.turn()
    thread = next(one for one in threading.enumerate() if one.name == "repository")
    goes_on.set()
    thread.join(DEADLINE_S)
    assert Labels(site.database).count() == 20
    assert [state for state, _ in site.states()] == ["queued"]
    assert "training waits: the champion cannot be read" in (site.service._training.trouble or "")
    monkeypatch.undo()
    site.turn()
    assert site.states()[-1][0] == "running"
