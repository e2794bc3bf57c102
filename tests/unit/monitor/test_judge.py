"""The judge over whole stories: what it says, and when it keeps quiet."""

from pathlib import Path

import msgspec
import pytest

from contracts.events import (
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
    RetrainRequested,
)
from tests.monitor_house import CAMERAS, House, kinds
from tests.monitor_line import Line, black, other, smeared, usual


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(Line(tmp_path))


def test_usual_frames_warm_up_and_stay_quiet(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 15, usual()))
    assert set(house.states().values()) == {"warming"}
    assert house.see(house.line.pass_by(CAMERAS, 400, usual())) == []
    assert set(house.states().values()) == {"quiet"}


def test_drift_on_all_cameras_is_one_incident_that_names_what_where_and_since_when(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 160, usual()))
    began = house.line.now
    said = house.see(house.line.pass_by(CAMERAS, 80, other()))
    first = said[0]
    assert isinstance(first, IncidentOpened)
    assert kinds(said).count("IncidentOpened") == 1
    last = said[-1].incident  # type: ignore[union-attr]  # incidents only
    assert last.cameras == CAMERAS
    assert first.incident.cause in ("population_change", "environment_change", "new_class")
    assert abs(first.incident.since - began) < 48 * 3 * 0.05  # within a block of each camera
    assert last.headline.startswith("Hall se")  # sees objects, or sends pictures
    assert "3 of 3 cameras" in last.headline
    assert first.incident.evidence[0].ratio >= 1
    assert first.incident.examples
    assert "RetrainRequested" not in kinds(said)  # inputs alone never ask for it
    assert set(house.states().values()) == {"drifted"}


def test_an_estimate_is_not_trusted_where_the_embedding_left_the_reference(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 32, usual()))
    said = house.see(house.line.pass_by(CAMERAS, 80, other()))
    estimates = said[-1].incident.estimates  # type: ignore[union-attr]
    assert [e.metric for e in estimates][:2] == ["accuracy (CBPE)", "accuracy (ATC)"]
    assert "(CBPE)" in estimates[2].metric
    assert not any(e.trusted for e in estimates)


def test_drift_that_goes_away_closes(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 32, usual()))
    house.see(house.line.pass_by(CAMERAS, 64, other()))
    said = house.see(house.line.pass_by(CAMERAS, 400, usual()))
    closed = said[-1]
    assert isinstance(closed, IncidentClosed)
    assert "inputs returned" in closed.resolution
    assert not closed.false_alarm
    assert house.memory.cases == {}


def test_one_smeared_camera_is_a_fault_and_never_drift(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 160, usual()))
    frames = (house.line.frame(camera, smeared() if camera == "cam-2" else usual()) for _ in range(200) for camera in CAMERAS)
    (opened,) = house.see(frames)
    assert isinstance(opened, IncidentOpened)
    assert (opened.incident.cause, opened.incident.cameras) == ("camera_fault", ("cam-2",))
    assert opened.incident.headline.startswith("cam-2 is out of focus since")
    (closed,) = house.see(house.line.pass_by(CAMERAS, 200, usual()))
    assert isinstance(closed, IncidentClosed)
    assert set(house.states().values()) == {"quiet"}


def test_when_all_cameras_lose_focus_together_no_lens_is_blamed(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 160, usual()))
    said = house.see(house.line.pass_by(CAMERAS, 100, smeared()))
    assert said
    assert {word.incident.cause for word in said}.isdisjoint({"camera_fault"})  # type: ignore[union-attr]


def test_black_frames_of_all_cameras_are_one_incident_that_points_at_the_light(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 64, usual()))
    said = house.see(house.line.pass_by(CAMERAS, 30, black()))
    assert kinds(said) == ["IncidentOpened", "IncidentUpdated", "IncidentUpdated"]
    assert "check light, power and network" in said[-1].incident.action  # type: ignore[union-attr]


def test_a_camera_that_stops_sending_is_a_fault_until_it_sends_again(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 64, usual()))
    (opened,) = house.see(house.line.pass_by(CAMERAS[:2], 800, usual()))
    assert isinstance(opened, IncidentOpened)
    assert opened.incident.headline.startswith("cam-3 has stopped sending")
    (closed,) = house.see([house.line.frame("cam-3", usual())])
    assert isinstance(closed, IncidentClosed)


def test_serving_being_away_is_no_camera_that_stopped(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 64, usual()))
    house.line.now += 3600
    assert house.see(house.line.pass_by(CAMERAS, 64, usual())) == []


def test_wrong_labels_alarm_once_and_ask_for_retraining_with_the_faulty_camera_excluded(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    house.see(line.frame(camera, black() if camera == "cam-2" else usual()) for _ in range(30) for camera in CAMERAS)
    said = house.see(line.label(line.frame("cam-1", usual()), right=i % 5 < 2) for i in range(200))
    requests = [word for word in said if isinstance(word, RetrainRequested)]
    assert len(requests) == 1
    assert requests[0].excluded_cameras == ("cam-2",)
    assert requests[0].cameras == ("cam-1",)
    assert (requests[0].cause, requests[0].drift_type, requests[0].recurs) == ("concept_drift", None, "")
    tolerated = house.memory.labels["1"].overall
    assert tolerated is not None
    assert requests[0].harm == pytest.approx(0.6 - tolerated.tolerated, abs=0.05)  # three of five are wrong
    opened = next(word for word in said if isinstance(word, IncidentOpened))
    assert (opened.incident.cause, opened.incident.severity) == ("concept_drift", "page")
    assert opened.incident.incident_id == requests[0].incident_id
    by_labels = {e.metric: e for e in opened.incident.estimates}
    assert by_labels["accuracy"].now < by_labels["accuracy"].low + 0.5
    assert by_labels["accuracy"].kind == "labels"


def test_labels_beside_drift_make_it_a_page_and_name_the_realised_accuracy(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    house.see(line.pass_by(CAMERAS, 64, other()))
    said = house.see(line.label(line.frame("cam-1", other()), right=i % 5 < 2) for i in range(200))
    assert kinds(said).count("IncidentOpened") == 0
    assert kinds(said).count("RetrainRequested") == 1
    paged = [word for word in said if isinstance(word, IncidentUpdated)][-1].incident
    assert paged.severity == "page"
    assert paged.cause != "concept_drift"
    assert "by 160 labels" in paged.headline


def test_chosen_audit_and_faulty_labels_judge_nothing(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    house.see(line.pass_by(("cam-2",), 30, black()))
    for changes in ({"sample": "uncertain"}, {"sample": None}, {"audit": True, "sample": "uniform"}):
        house.see(line.label(line.frame("cam-1", usual()), right=False, **changes) for _ in range(100))  # type: ignore[arg-type]
    house.see(line.label(line.frame("cam-2", black()), right=False) for _ in range(100))
    channel = house.memory.labels["1"]
    assert channel.tally.n == 0
    assert channel.unused == {"sample uncertain": 100, "sample none": 100, "audit camera": 100, "camera fault": 100}


def test_a_new_version_rebases_and_the_incident_closes_with_numbers(house: House) -> None:
    line = house.line
    line.publish_for_other("2")
    house.see(line.pass_by(CAMERAS, 64, usual()))
    house.see(line.pass_by(CAMERAS, 64, other()))
    house.advance("2", "champion")
    said = house.see(line.frame(c, other() if i // 8 % 2 else usual(), "2") for i in range(400) for c in CAMERAS)
    assert kinds(said) == ["IncidentClosed"]
    assert "version 2 replaced 1" in said[0].resolution  # type: ignore[union-attr]
    assert "quiet blocks in a row" in said[0].resolution  # type: ignore[union-attr]


def test_a_repeat_changes_nothing(house: House) -> None:
    stream = list(house.line.pass_by(CAMERAS, 100, usual()))
    house.see(stream)
    before = {name: msgspec.msgpack.encode(watch) for name, watch in house.memory.watches.items()}
    house.see(stream[-90:])
    assert {name: msgspec.msgpack.encode(watch) for name, watch in house.memory.watches.items()} == before
    assert sum(camera.counts.repeats for camera in house.memory.cameras.values()) == 90
    assert sum(camera.counts.frames for camera in house.memory.cameras.values()) == 300


def test_audit_shadow_candidate_and_video_frames_are_counted_and_not_judged(house: House) -> None:
    line = house.line
    house.see(line.frame("sealed", other(), audit=True) for _ in range(200))
    house.see(line.frame("cam-1", other(), variant="shadow") for _ in range(200))
    house.see(line.frame("cam-1", other(), variant="candidate") for _ in range(200))
    house.see(line.frame("gate", other(), stream="video") for _ in range(200))
    assert house.said == []
    assert house.memory.watches == {}
    assert house.states() == {"cam-1": "warming", "gate": "warming", "sealed": "audit"}
    counts = house.memory.cameras["cam-1"].counts
    assert (counts.shadow, counts.candidate) == (200, 200)


def test_events_of_another_model_are_none_of_ours(house: House) -> None:
    assert house.see(msgspec.structs.replace(frame, model="another") for frame in house.line.pass_by(CAMERAS, 20, other())) == []
    assert house.memory.cameras == {}


def test_the_same_events_say_the_same_with_the_same_ids(tmp_path: Path) -> None:
    told = []
    for run in ("a", "b"):
        house = House(Line(tmp_path / run))
        house.see(house.line.pass_by(CAMERAS, 64, usual()))
        house.see(house.line.pass_by(CAMERAS, 64, other()))
        told.append(house.said)
    assert told[0] == told[1]
    assert told[0]


def test_an_incident_stays_open_while_one_of_its_cameras_still_drifts(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    house.see(line.pass_by(CAMERAS, 64, other()))
    said = house.see(line.frame(camera, other() if camera == "cam-3" else usual()) for _ in range(400) for camera in CAMERAS)
    assert "IncidentClosed" not in kinds(said)
    assert house.states() == {"cam-1": "quiet", "cam-2": "quiet", "cam-3": "drifted"}
    assert kinds(house.see(line.pass_by(CAMERAS, 400, usual())))[-1] == "IncidentClosed"
