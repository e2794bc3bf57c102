"""Which frames the service asks people to label, and when it says so."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.events import FrameLabelled, FrameScored, LabelsWanted, ReviewLabel
from contracts.frame_store import FrameStore
from contracts.incidents import Incident
from contracts.logs import Logger
from contracts.predictions import ClassTruth, classification
from contracts.statistics import ImageStatistics
from retrain.job import Job
from retrain.labels.book import Labels
from retrain.labels.desk import LISTED, MOST_DOUBTED, PRUNE_EVERY, SOON_S, LabelDesk
from retrain.labels.keeping import Keeping
from retrain.labels.pool import KEPT_A_DAY
from retrain.labels.queue import EVERY_S
from retrain.request import Suspect
from retrain.state.database import Database
from retrain.state.journal import Journal
from retrain.state.sqlite import SqliteState

STATISTICS = ImageStatistics(120.0, 40.0, 300.0, 2.0, 7.0, 0.2, 1.0, 1.0, 0.0, 0.0)


class House:
    def __init__(self, folder: Path) -> None:
        self.database = Database(SqliteState(folder / "state.sqlite3", "m"), "test")
        self.labels, self.jobs, self.now = Labels(self.database), [], 1000.0  # type: ignore[var-annotated]
        self.folder = folder
        self.desk = self.start()

    def start(self) -> LabelDesk:
        """The desk of a service that starts."""
        log = Logger("test")
        keeping = Keeping(self.labels, FrameStore(str(self.folder)), "m", log, lambda: self.now)
        return LabelDesk("m", self.labels, keeping, Journal(self.database, "m", log), lambda: self.jobs)

    def frames(self, count: int, **more: Any) -> None:
        for number in range(count):
            self.desk.frame(scored(f"{more.get('camera', 'a')}{number:03d}{more.get('sample', '')}", number, **more))

    def label(self, frame: str, said: str = "cat") -> None:
        event = FrameLabelled(
            event_id="l", occurred_at=self.now, model="m", frame_id=frame, camera="a", site="s", captured_at=1.0, truth=ClassTruth(said),
            predictions=(), stored=f"frames/{frame}.jpg", sample="uniform",
        )  # fmt: skip
        self.desk.label(event)

    def lists(self, forward_s: float = EVERY_S) -> list[LabelsWanted]:
        """What a tick says."""
        self.now += forward_s
        with self.database.transaction():
            self.desk.advance(self.now)
        last, records = self.database.outbox()
        self.database.published(last)
        return [
            msgspec.json.decode(one.value, type=LabelsWanted)
            for one in records
            if one.headers["ce_type"] == "keepsight.LabelsWanted"
        ]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.database.close()


def scored(frame: str, at: float, **more: Any) -> FrameScored:
    standard: dict[str, Any] = {"camera": "a", "sample": "uniform", "embedding": (0.1 * at, 1.0)}
    return FrameScored(
        event_id=frame, occurred_at=0.0, model="m", frame_id=frame, site="s", stream="items", version="3", captured_at=float(at), received_at=0.0,
        width=8, height=8, bytes=1, codec="jpeg", statistics=STATISTICS, confidence=0.7, entropy=0.5, variant="champion",
        prediction=classification(("cat", "dog"), [0.3, 0.7]), stored=f"frames/m/{frame}.jpg", **{**standard, **more},
    )  # fmt: skip


def incident(number: str, cause: str, *cameras: str, since: float = 5.0) -> Incident:
    return Incident(
        incident_id=number, cause=cause, severity="ticket", headline="", action="", site="s", cameras=cameras, version="3", since=since,  # type: ignore[arg-type]
        opened_at=since,
    )  # fmt: skip


def why(event: LabelsWanted) -> dict[str, int]:
    said = [frame.why for frame in event.frames]
    return {name: said.count(name) for name in dict.fromkeys(said)}


def test_a_list_is_said_once_a_minute_when_it_changed(house: House) -> None:
    assert house.lists() == []
    house.frames(3)
    assert house.lists(SOON_S - 1) == []
    (said,) = house.lists(1.0)  # nobody waits a minute for the first frames
    assert [frame.frame_id for frame in said.frames if frame.suggested == "dog"] == [frame.frame_id for frame in said.frames]
    assert {frame.frame_id for frame in said.frames} == {"a000", "a001", "a002"}
    assert house.lists() == []
    house.desk = house.start()
    assert house.lists() == []  # a new start says nothing that stands already
    house.label("a001")
    assert house.lists(EVERY_S - 1) == []
    (said,) = house.lists(1.0)
    assert {frame.frame_id for frame in said.frames} == {"a000", "a002"}
    house.label("a000")
    house.label("a002")
    (said,) = house.lists()
    assert said.frames == ()
    assert house.lists() == []


def test_a_clock_that_is_set_back_holds_no_list_up(house: House) -> None:
    house.lists()
    house.frames(1)
    assert len(house.lists(-7200.0)) == 1


def test_a_turn_that_is_undone_has_said_nothing(house: House) -> None:
    house.frames(2)
    house.now += EVERY_S
    with suppress(RuntimeError), house.database.transaction():
        house.desk.advance(house.now)
        raise RuntimeError
    assert len(house.lists()) == 1


def test_open_changes_and_waiting_jobs_say_what_is_drifted(house: House) -> None:
    with house.database.transaction():
        for camera in "ab":
            house.frames(40, camera=camera)
        house.frames(60, camera="b", sample="uncertain")
    (said,) = house.lists()
    assert "drifted" not in why(said)
    for number, cause in (("1", "environment_change"), ("2", "camera_fault"), ("3", "job_failed")):
        house.desk.incident(incident(number, cause, "b", since=20.0 if cause == "environment_change" else 0.0), True)
    (said,) = house.lists()
    drifted = {(frame.camera, frame.frame_id >= "b020") for frame in said.frames if frame.why == "drifted"}
    assert drifted == {("b", True)}
    house.desk.incident(incident("1", "environment_change", "b"), False)
    (said,) = house.lists()
    assert "drifted" not in why(said)
    house.jobs.append(
        Job(
            job_id="j",
            request_key="k",
            trigger="monitor",
            version="3",
            reason="",
            since=30.0,
            created_at=0.0,
            cameras=("a",),
            hold="labels",
        )
    )
    (said,) = house.lists()
    assert said.request_key == "k"
    assert {frame.frame_id >= "a030" for frame in said.frames if frame.why == "drifted"} == {True}
    house.jobs[0] = msgspec.structs.replace(house.jobs[0], trigger="operator", since=0.0, cameras=())
    (said,) = house.lists()
    assert "drifted" not in why(said)


def test_doubted_labels_stand_in_front_and_leave_half_for_frames_without_a_label(house: House) -> None:
    with house.database.transaction():
        house.frames(LISTED, camera="b")
        house.frames(LISTED, camera="b", sample="uncertain")
        for number in range(MOST_DOUBTED + 20):
            house.label(f"d{number:03d}")
    house.labels.doubts.found([Suspect(f"d{number:03d}", "cat", "dog", number / 1000) for number in range(MOST_DOUBTED + 20)])
    (said,) = house.lists()
    assert [frame.frame_id for frame in said.frames[:MOST_DOUBTED]] == [f"d{number:03d}" for number in range(MOST_DOUBTED)]
    assert {frame.suggested for frame in said.frames[:MOST_DOUBTED]} == {"dog"}
    assert "suspect" not in {frame.why for frame in said.frames[MOST_DOUBTED:]}
    assert len(said.frames) <= LISTED
    house.desk.review(
        ReviewLabel(event_id="r", occurred_at=house.now, model="m", frame_id="d000", by="ada", verdict="right"), house.now
    )
    house.desk.review(
        ReviewLabel(event_id="s", occurred_at=house.now, model="m", frame_id="nobody", by="ada", verdict="right"), house.now
    )
    (said,) = house.lists()
    assert said.frames[0].frame_id == "d001"
    rows = [
        (row.kind, row.body["frame"], row.body.get("why")) for row in Journal(house.database, "m", Logger("test")).ledger.rows()
    ]
    assert rows == [("label_reviewed", "d000", None), ("review_refused", "nobody", "the frame has no label")]


def test_a_frame_of_which_a_person_is_unsure_is_asked_for_no_more(house: House) -> None:
    house.frames(3)
    (said,) = house.lists()
    unsure = said.frames[0].frame_id
    house.desk.review(
        ReviewLabel(event_id="r", occurred_at=house.now, model="m", frame_id=unsure, by="ada", verdict="unsure"), house.now
    )
    house.frames(3)  # told again by a log that was not sure
    (said,) = house.lists()
    assert unsure not in {frame.frame_id for frame in said.frames}
    (row,) = Journal(house.database, "m", Logger("test")).ledger.rows()
    assert (row.kind, row.body["frame"]) == ("label_reviewed", unsure)


def test_frames_of_a_faulty_camera_and_of_times_of_a_fault_are_not_asked_for(house: House) -> None:
    house.frames(10)
    house.frames(10, camera="b")
    house.labels.fault(incident("1", "camera_fault", "a", since=0.0), None)
    house.labels.fault(incident("2", "camera_fault", "b", since=2.0), 7.0)
    (said,) = house.lists()
    assert sorted(frame.frame_id for frame in said.frames) == ["b000", "b001", "b008", "b009"]


def test_a_flood_of_frames_and_of_labels_is_brought_to_the_pool_s_bounds(house: House) -> None:
    house.lists()
    with house.database.transaction():
        house.frames(PRUNE_EVERY // 2)
        for number in range(PRUNE_EVERY // 2):
            house.label(f"l{number}")
    ((before,),) = house.database.sql.execute("SELECT count(*) FROM pool").rows
    house.lists()
    ((after,),) = house.database.sql.execute("SELECT count(*) FROM pool").rows
    assert (before, after) == (PRUNE_EVERY, KEPT_A_DAY)


def test_labels_of_a_release_that_kept_none_are_kept(house: House) -> None:
    house.label("a")
    house.labels.kept("a", "")
    house.lists()
    assert house.labels.unkept("", 9) == [("a", "frames/a.jpg")]
    house.labels.kept("a", "")
    house.lists()
    assert house.labels.unkept("", 9) == []
