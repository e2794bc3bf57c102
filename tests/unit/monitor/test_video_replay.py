"""What a video camera's own reference raises while it grows: counted, shown, and above the budget told as tickets."""

from pathlib import Path

import msgspec
import numpy as np

from contracts.events import IncidentOpened
from monitor.overview import overview
from monitor.video.aspect import DAY
from monitor.video.plan import plan
from monitor.video.scene import Almanac
from tests.monitor_line import MODEL
from tests.unit.monitor.test_video_judge import CAMERAS, POLICY, House

LIT = dict.fromkeys(CAMERAS, 60.0)


def young(folder: Path) -> House:
    """Cameras that know ten days: they are judged, and their reference still grows."""
    house = House(folder)
    kinds = {judged.aspect.name: judged.aspect.almanac for judged in plan(house.standards("1"), 1.0).judged}
    for key, part in list(house.memory.almanacs.items()):
        record = np.frombuffer(part.record, kinds[part.aspect]).copy()
        record["history"] = 10 * DAY
        house.memory.almanacs[key] = msgspec.structs.replace(part, record=record.tobytes())
    assert all(isinstance(part, Almanac) for part in house.memory.almanacs.values())
    return house


def test_alarms_of_a_growing_reference_are_its_replay_figure_and_demote_the_camera(tmp_path: Path) -> None:
    house = young(tmp_path)
    house.see(house.minutes(10))
    assert {scene.raised for scene in house.memory.scenes.values()} == {0}
    for one in house.memory.scenes.values():
        one.raised = 1  # of an earlier day
    said = house.see(house.minutes(12, LIT))
    scene = house.memory.scenes["cam-1"]
    assert scene.rehearsed == 21
    assert scene.raised == 1 + scene.alarms > 1
    told = [word.incident for word in said if isinstance(word, IncidentOpened)]
    assert told[0].severity == "ticket"
    assert "so it writes tickets" in told[0].action
    view = overview(MODEL, POLICY, house.memory, house.standards).cameras[0]
    assert "cannot keep its budget of 1 pages a month" in view.demoted
    assert view.replay["alarms"] == scene.raised


def test_a_whole_reference_counts_no_more(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.see(house.minutes(5))
    house.see(house.minutes(12, LIT))
    scene = house.memory.scenes["cam-1"]
    assert (scene.rehearsed, scene.raised) == (0, 0)
    assert scene.alarms
