"""One camera for people, from the memory of a judge that saw real frames; and that it is looked at by the loop, for whoever asks."""

import threading

import pytest
from prometheus_client import CollectorRegistry

from contracts.errors import StoreError
from contracts.repository import ModelRepository
from monitor.camera_detail import VIDEO, CameraDetail, camera_detail
from monitor.exports import Exports
from monitor.incidents.finding import Scope
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.overview import overview
from monitor.panel import MOST_ASKED, Panel
from monitor.policy import Policy
from monitor.standard import Standards
from monitor.video.hours import HOUR, Hours
from tests.monitor_line import MODEL, Line, black, other, usual

POLICY = Policy(block_frames=16, confirm_blocks=3)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Memory, Standards]:
    """Two cameras that drifted and one with its lens cap on."""
    line, memory = Line(tmp_path_factory.mktemp("line")), Memory()
    standards = Standards(ModelRepository(line.url), MODEL, POLICY)
    judge = Judge(MODEL, POLICY, memory, standards)
    for pool, cameras, each in (
        (usual(), ("cam-1", "cam-2", "cam-3"), 64),
        (other(), ("cam-1", "cam-2"), 96),
        (black(), ("cam-3",), 20),
    ):
        for frame in line.pass_by(cameras, each, pool):
            judge.apply(frame, line.now)
            if frame.sample == "uniform":
                judge.apply(line.label(frame, right=True), line.now)
    return memory, standards


def of(judged: tuple[Memory, Standards], name: str) -> CameraDetail:
    found = camera_detail(name, POLICY, *judged)
    assert found is not None
    return found


def test_a_drifted_camera_shows_what_crossed_since_when_and_its_course(judged: tuple[Memory, Standards]) -> None:
    one = of(judged, "cam-1")
    watch = judged[0].watches["cam-1", "1"]
    assert (one.view.state, one.stream, one.picture) == ("drifted", "items", (96, 96, "jpeg"))
    worst = one.channels[0]
    assert worst.ratio == max(round(ratio, 3) for ratio in watch.ratios) >= 1
    assert worst.run >= 3
    assert 0 < worst.since <= one.view.last_at
    assert [each.ratio for each in one.channels] == sorted((each.ratio for each in one.channels), reverse=True)
    assert all(each.since == 0 for each in one.channels if each.ratio < 1)
    at, far = zip(*one.course, strict=True)
    assert list(at) == sorted(at)
    assert len(at) <= watch.blocks == 10  # older points are merged
    assert min(far[-3:]) > 2 * max(far[:2])
    assert (one.newest, one.before) == (tuple(watch.examples), tuple(watch.usual))
    assert one.labels == judged[0].labelled["1"]["cam-1"].tally.n > 10
    assert one.realised["accuracy"]["value"] == 1.0


def test_a_faulty_camera_shows_its_fault_and_no_before(judged: tuple[Memory, Standards]) -> None:
    one = of(judged, "cam-3")
    assert (one.view.state, one.fault) == ("fault", "black")
    assert one.fault_since > 0
    assert one.before == ()


def test_a_camera_that_nobody_knows_is_none(judged: tuple[Memory, Standards]) -> None:
    assert camera_detail("cam-9", POLICY, *judged) is None


def test_a_video_camera_s_course_is_that_of_its_hours(judged: tuple[Memory, Standards]) -> None:
    _, standards = judged
    memory, scope = Memory(), "self"
    memory.camera("gate", "hall", False).stream = "video"
    scene, hours = memory.scene("gate"), Hours()
    for minute in range(5 * HOUR):
        hours.take(HOUR * 480_000 + minute, [0.5 * (minute // HOUR)] * 3)  # type: ignore[arg-type]  # as an array
    kept: Scope = scope  # type: ignore[assignment]  # one of the two
    scene.hours, scene.ratios, scene.alarms, scene.usual = {kept: hours}, {"image self": 1.5, "image peer": 0.5}, 1, ["frames/a"]
    one = of((memory, standards), "gate")
    assert (one.unit, [each.name for each in one.channels], one.before) == (VIDEO, ["image self", "image peer"], ("frames/a",))
    assert [round(far, 1) for _, far in one.course] == [0.0, 0.5, 1.0, 1.5]


def test_an_estimate_stands_beside_what_labels_say(judged: tuple[Memory, Standards]) -> None:
    memory, standards = judged
    estimated = overview(MODEL, POLICY, memory, standards).versions["1"]["estimated"]
    banks = [watch for watch in memory.watches.values() if watch.blocks]
    reference = standards("1").reference
    assert reference is not None
    told = [reference.performance(watch.bank_of(reference)) for watch in banks]
    mean = sum(each.accuracy + each.cbpe for each in told if each is not None) / len(told)
    assert estimated["value"] == pytest.approx(min(1.0, max(0.0, mean)), abs=1e-3)
    assert estimated["low"] <= estimated["value"] <= estimated["high"]
    assert (estimated["cameras"], estimated["beyond"]) == (2, 2)  # what the third showed before its fault is no evidence


class Loop:
    """A service that nothing happens in."""

    active, taken, said, lag, newest_at = True, {}, {}, 0, 0.0


def test_the_loop_looks_at_the_cameras_that_are_asked_for(judged: tuple[Memory, Standards]) -> None:
    memory, standards = judged

    def look_at(name: str) -> CameraDetail | None:
        if name == "away":
            raise StoreError("the repository is away")
        return camera_detail(name, POLICY, memory, standards)

    exports = Exports(CollectorRegistry(), MODEL, standards.families)
    panel = Panel(exports, lambda: overview(MODEL, POLICY, memory, standards), look_at)
    seen: dict[str, CameraDetail | None] = {}
    names = ("cam-1", "cam-9", "away")
    threads = [threading.Thread(target=lambda name=name: seen.setdefault(name, panel.camera(name, 30.0))) for name in names]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        panel.beat(Loop(), 100.0)  # type: ignore[arg-type]  # what it asks of a service
    assert seen["cam-1"] == of(judged, "cam-1")
    assert (seen["cam-9"], seen["away"]) == (None, None)
    assert panel.overview is not None
    assert panel.overview.made_at == 100.0
    assert panel.camera("cam-1", 0.0) is None  # nobody comes to it
    assert [panel.camera(f"c{number}", 0.0) for number in range(2 * MOST_ASKED)] == [None] * 2 * MOST_ASKED
    assert len(panel._asked) == MOST_ASKED
