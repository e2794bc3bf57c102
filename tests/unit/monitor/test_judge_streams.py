"""The judge over what cameras really do: they warm up, come late, have wrong clocks, come and go, change their version, and repeat themselves."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contracts.events import IncidentClosed, IncidentOpened
from monitor import health
from monitor.overview import CameraView, overview
from tests.monitor_house import CAMERAS, POLICY, House, incidents, kinds
from tests.monitor_line import MODEL, Line, other, usual


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(Line(tmp_path))


def views(house: House) -> dict[str, CameraView]:
    return {view.camera: view for view in overview(MODEL, house.policy, house.memory, house.standards).cameras}


def test_a_camera_warms_up_until_its_first_block_and_no_verdict_is_given_before(house: House) -> None:
    assert house.see(house.line.pass_by(("cam-1",), POLICY.block_frames - 1, other())) == []
    view = views(house)["cam-1"]
    assert (view.state, view.worst, view.ratios) == ("warming", 0.0, {})
    assert view.reason.startswith("the first block of 16 frames is not full")
    house.see(house.line.pass_by(("cam-1",), 1, other()))
    assert views(house)["cam-1"].state == "suspect"


def test_a_frame_older_than_what_is_remembered_is_late_counted_and_never_judged(house: House) -> None:
    first = house.line.frame("cam-1", usual())
    house.see(house.line.pass_by(("cam-1",), 500, usual()))
    before = msgspec.msgpack.encode(house.memory.watches[("cam-1", "1")])
    assert house.see([first]) == []
    assert house.memory.cameras["cam-1"].counts.late == 1
    assert msgspec.msgpack.encode(house.memory.watches[("cam-1", "1")]) == before
    assert views(house)["cam-1"].frames["late"] == 1


@pytest.mark.parametrize("off_s", [-86_400.0, 86_400.0])
def test_a_camera_s_wrong_clock_moves_no_verdict_in_time(house: House, off_s: float) -> None:
    """It is told as its fault, and the drift of the others begins when it began."""
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))

    def wrong(camera: str, change: float) -> dict[str, float]:
        return {"captured_at": line.now + change} if camera == "cam-2" else {}

    began = line.now
    said = house.see(line.frame(camera, other(), **wrong(camera, off_s)) for _ in range(80) for camera in CAMERAS)  # type: ignore[arg-type]
    told = {one.cause == "camera_fault": one for one in incidents(said)}
    assert told[True].cameras == ("cam-2",)
    assert told[True].headline.startswith("cam-2 has a wrong clock")
    assert told[True].severity == "ticket"
    assert told[False].cameras == ("cam-1", "cam-3")
    assert all(abs(one.opened_at - began) < 60 for one in told.values())
    assert abs(told[False].since - began) < 60
    assert house.memory.rollout.watermark == line.now


def test_cameras_come_and_go(tmp_path: Path) -> None:
    """A third camera comes into a running site, drifts with it, leaves; the site's incident closes on the others' quiet, and it returns quiet."""
    house = House(Line(tmp_path), replace(POLICY, silence_s=1e9))
    line = house.line
    house.see(line.pass_by(CAMERAS[:2], 160, usual()))
    house.see(line.pass_by(CAMERAS, 80, other()))
    (number,) = {one.incident_id for one in incidents(house.said)}
    assert house.memory.cases[number].incident.cameras == CAMERAS
    line.now += 700.0  # longer than a camera counts as active
    house.see(line.pass_by(CAMERAS[:2], 1, usual()))
    said = house.see(line.pass_by(CAMERAS[:2], 400, usual()))
    assert isinstance(said[-1], IncidentClosed)
    assert house.states()["cam-3"] == "away"
    house.see(line.pass_by(CAMERAS, 400, usual()))
    assert set(house.states().values()) == {"quiet"}


def test_a_new_version_in_mid_stream_is_judged_by_its_own_reference_from_its_first_frame(house: House) -> None:
    """What version 1 never saw is usual for version 2: no word, though its frames come mixed with the last of version 1 and no event told the swap."""
    line = house.line
    line.publish_for_other("2")
    house.see(line.pass_by(CAMERAS, 64, usual()))
    mixed = [line.frame(c, usual(), "1" if i % 2 and i < 12 else "2") for i in range(24) for c in CAMERAS]
    house.see(mixed)
    said = house.see(line.frame(c, other() if i // 8 % 2 else usual(), "2") for i in range(160) for c in CAMERAS)
    line.now += 31.0
    said += house.see(line.frame(c, other() if i // 8 % 2 else usual(), "2") for i in range(160) for c in CAMERAS)
    assert said == []
    assert house.memory.rollout.champion == "2"
    assert {camera.version for camera in house.memory.cameras.values()} == {"2"}
    assert set(house.states().values()) == {"quiet"}
    assert {version for _, version in house.memory.watches} == {"2"}


def test_items_that_repeat_each_other_as_a_video_s_frames_do_are_doubted_and_never_alarmed_on(house: House) -> None:
    line = house.line
    still = line.frame("gate", usual())
    seen = (line.frame("gate", usual()) for _ in range(400))
    statistics = msgspec.structs.replace(still.statistics, frame_difference=1.0)
    house.see(msgspec.structs.replace(frame, statistics=statistics) for frame in seen)
    house.see(line.pass_by(("cam-1",), 400, usual()))
    shown = views(house)
    assert (
        "of its newest frames repeat the one before: if it sees a continuous scene, set its stream to video" in shown["gate"].doubt
    )
    assert shown["cam-1"].doubt == ""
    assert not any(isinstance(word, IncidentOpened) and word.incident.cause == "camera_fault" for word in house.said)
    house.see(line.pass_by(("gate",), 400, usual()))
    assert views(house)["gate"].doubt == ""


def test_a_video_s_frames_may_repeat_each_other(house: House) -> None:
    still = house.line.frame("gate", usual(), stream="video")
    house.see([still])
    camera = house.memory.cameras["gate"]
    camera.repeating = 1.0
    assert health.doubt(camera) == ""
    assert kinds(house.said) == []
