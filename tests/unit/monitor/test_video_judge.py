"""Video cameras through the judge: whole stories of cameras that have four quiet weeks behind them, and of one that has not."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts.events import AnyEvent, FrameScored, IncidentClosed, IncidentOpened, IncidentUpdated, MarkFalseAlarm
from contracts.repository import ModelRepository
from contracts.statistics import ImageStatistics
from monitor.identity import derived_id
from monitor.judge import Judge
from monitor.memory import KINDS, Memory
from monitor.overview import overview
from monitor.policy import Policy
from monitor.standard import Standards
from monitor.video.aspect import DAY
from monitor.video.bank import CLOSE
from monitor.video.hours import Hours
from monitor.video.plan import IMAGE, plan
from monitor.video.scene import AWAY, Almanac
from tests.monitor_line import MODEL, Line, usual
from tests.video_weeks import weeks

POLICY = Policy(silence_s=600.0)
CAMERAS = tuple(f"cam-{k}" for k in range(1, 6))
EACH = 4
"""Frames of a camera in a minute."""
PIXELS = "32x32 stretch full"
"""What version 1 sees."""
SCENE = usual()[:6]
"""What the cameras see, again and again: minutes differ by which four of it they hold."""


class House:
    """A judge of video cameras, and everything that it said."""

    def __init__(self, folder: Path, veterans: bool = True) -> None:
        self.line = Line(folder, step_s=0.0, start=1_750_000_000.0 // 60 * 60)
        self.standards = Standards(ModelRepository(self.line.url), MODEL, POLICY)
        self.memory = Memory()
        self.judge = Judge(MODEL, POLICY, self.memory, self.standards)
        if veterans:
            self._live_through_four_weeks()

    def _live_through_four_weeks(self) -> None:
        its = plan(self.standards("1"), POLICY.pages_per_camera_month)
        frames = [self.line.frame("anyone", SCENE) for _ in SCENE]
        values = its.features(np.array([its.row(frame) for frame in frames], np.float32))
        level, spread = values.mean(axis=0), values.std(axis=0) / 5
        for judged in its.judged:
            record = weeks(judged.aspect, level[judged.columns], spread[judged.columns], judged.tail).tobytes()
            for camera in CAMERAS:
                self.memory.keep(Almanac(camera, judged.aspect.name, its.source(judged.aspect, "1"), record))

    def minutes(
        self, number: int, brighter: dict[str, float] | None = None, own: tuple[str, ...] = CAMERAS, **changes: object
    ) -> Iterator[FrameScored]:
        """Frames of `number` minutes of its `own` cameras; the luma of some raised."""
        for _ in range(number):
            for i in range(EACH):
                for camera in own:
                    frame = self.line.frame(camera, SCENE, stream="video", **changes)  # type: ignore[arg-type]  # passed on
                    yield lit(frame, (brighter or {}).get(camera, 0.0))
                self.line.now += 60 / EACH - (1e-3 if i else 0)
            self.line.now = round(self.line.now / 60) * 60.0

    def see(self, frames: Iterator[FrameScored]) -> list[AnyEvent]:
        """Judge frames as they come."""
        return [word for frame in frames for word in self.judge.apply(frame, frame.received_at)]

    def states(self) -> dict[str, tuple[str, str]]:
        """Each camera's state and reason."""
        return {view.camera: (view.state, view.reason) for view in overview(MODEL, POLICY, self.memory, self.standards).cameras}


def lit(frame: FrameScored, more: float) -> FrameScored:
    """The same frame in more light."""
    seen: ImageStatistics = msgspec.structs.replace(frame.statistics, luma_mean=frame.statistics.luma_mean + more)
    return msgspec.structs.replace(frame, statistics=seen)


def parts(memory: Memory) -> dict[tuple[str, str], bytes]:
    """Everything that would be saved, by kind and key."""
    found = {}
    for kind, key in memory.dirty:
        part = memory.part(kind, key)
        if part is not None:
            found[kind, key] = msgspec.msgpack.encode(part)
    return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_usual_minutes_are_quiet(house: House) -> None:
    assert house.see(house.minutes(40)) == []
    assert house.states() == dict.fromkeys(CAMERAS, ("quiet", ""))
    scene = house.memory.scenes["cam-1"]
    assert scene.minutes == 39
    assert set(scene.ratios) == {"image statistics", "softmax", "expected accuracy", "embedding", "embedding kernel"}
    assert 0 < max(scene.ratios.values()) < 1


def test_a_new_camera_warms_and_says_how_far_it_is(tmp_path: Path) -> None:
    house = House(tmp_path, veterans=False)
    assert house.see(house.minutes(5, dict.fromkeys(CAMERAS, 60.0))) == []
    state, reason = house.states()["cam-1"]
    assert state == "warming"
    assert reason == "0.0 of 28 days of its own history; verdicts begin after 7"


def test_one_camera_in_another_light_than_its_peers_is_its_own_fault(house: House) -> None:
    house.see(house.minutes(10))
    began = house.line.now
    said = house.see(house.minutes(12, {"cam-2": 60.0}))
    opened = said[0]
    assert isinstance(opened, IncidentOpened)
    assert (opened.incident.cause, opened.incident.cameras) == ("camera_fault", ("cam-2",))
    assert "alone differs" in opened.incident.headline
    assert opened.incident.evidence[0].feature == "luma_mean"
    assert opened.incident.evidence[0].value - opened.incident.evidence[0].reference > 30
    assert opened.occurred_at - began <= 6 * 60
    assert sum(isinstance(word, IncidentOpened) for word in said) == 1
    assert {name for name, (state, _) in house.states().items() if state == "fault"} == {"cam-2"}


def test_light_on_all_cameras_is_one_incident_of_the_site(house: House) -> None:
    house.see(house.minutes(10))
    said = house.see(house.minutes(16, dict.fromkeys(CAMERAS, 60.0)))
    assert sum(isinstance(word, IncidentOpened) for word in said) == 1
    last = said[-1].incident  # type: ignore[union-attr]  # incidents only
    assert last.cause == "environment_change"
    assert last.cameras == CAMERAS
    assert last.examples
    assert {state for state, _ in house.states().values()} == {"drifted"}


def test_light_that_goes_back_closes_its_incident_after_hours_of_quiet(house: House) -> None:
    house.see(house.minutes(3))
    house.see(house.minutes(12, {"cam-2": 60.0}))
    said = house.see(house.minutes(CLOSE + 90))
    (closed,) = [word for word in said if isinstance(word, IncidentClosed)]
    assert "below their limits for hours" in closed.resolution
    assert house.memory.cases == {}


def test_closed_hours_make_a_camera_s_course(house: House) -> None:
    house.see(house.minutes(130))
    hours = house.memory.scenes["cam-1"].hours
    assert {scope: len(past.course().at) for scope, past in hours.items()} == {"self": 2, "peer": 2}
    house.see(house.minutes(130, own=("cam-1",)))
    assert {scope: len(past.course().at) for scope, past in hours.items()} == {
        "self": 4,
        "peer": 2,
    }  # no peers, no course against them


@pytest.mark.parametrize(("light", "recurs"), [(58.0, "1"), (-60.0, "")])
def test_a_departure_that_comes_again_is_known_and_another_one_is_not(house: House, light: float, recurs: str) -> None:
    house.see(house.minutes(3))
    house.see(house.minutes(45, dict.fromkeys(CAMERAS, 60.0)))
    while house.memory.cases:
        house.see(house.minutes(10))
    told = house.see(house.minutes(45, dict.fromkeys(CAMERAS, light)))
    incidents = [word.incident for word in told if isinstance(word, IncidentOpened | IncidentUpdated)]
    assert {i.incident_id for i in incidents} == {incidents[0].incident_id}
    assert (incidents[0].recurs, incidents[-1].recurs) == ("", recurs)  # minutes say too little
    assert ("as before: version 1 served this regime" in incidents[-1].headline) is bool(recurs)


@pytest.mark.parametrize("lit_up", [CAMERAS, ("cam-2",)])
def test_how_it_came_is_told_from_the_hours(house: House, lit_up: tuple[str, ...]) -> None:
    """Three quiet days, then eight hours of other light: on all cameras against their own history, on one against its peers."""
    house.see(house.minutes(3))
    rng = np.random.default_rng(1)
    now = int(house.line.now // 60)
    for camera in lit_up:
        past = house.memory.scene(camera).hours = {scope: Hours() for scope in IMAGE.scopes}
        for minute in range(now - 3 * DAY, now):
            lit = 8.0 * (minute > now - 500) * (np.arange(len(IMAGE.features)) == 0)
            for scope in IMAGE.scopes:
                only_shared = scope == "peer" and lit_up == CAMERAS
                past[scope].take(minute, rng.standard_normal(len(IMAGE.features)) + lit * (not only_shared))
    said = house.see(house.minutes(20, dict.fromkeys(lit_up, 60.0)))
    assert {word.incident.incident_id for word in said} == {said[0].incident.incident_id}  # type: ignore[union-attr]  # incidents only
    last = said[-1].incident  # type: ignore[union-attr]
    assert last.cause == ("environment_change" if lit_up == CAMERAS else "camera_fault")
    assert last.drift_type == "sudden"
    assert "hours ago" in next(e for e in last.evidence if e.channel == "drift type").detail


def test_a_false_alarm_is_not_told_again(house: House) -> None:
    house.see(house.minutes(3))
    said = house.see(house.minutes(30, dict.fromkeys(CAMERAS, 60.0)))
    number = said[0].incident.incident_id  # type: ignore[union-attr]
    command = MarkFalseAlarm(
        event_id=derived_id(house.line.now, "c"),
        occurred_at=house.line.now,
        model=MODEL,
        incident_id=number,
        by="Ada",
        reason="new lamps",
    )
    (closed,) = house.judge.apply(command, house.line.now)
    assert isinstance(closed, IncidentClosed)
    assert house.see(house.minutes(60, dict.fromkeys(CAMERAS, 60.0))) == []


def test_what_a_week_did_not_bring_back_is_learnt(house: House) -> None:
    """The camera's picture learns again a week after its alarm opened, and not before."""
    house.see(house.minutes(2))
    house.see(house.minutes(20, dict.fromkeys(CAMERAS, 60.0)))
    key = ("cam-1", "image", PIXELS)
    before = house.memory.almanacs[key].record
    house.line.now += 6 * 86_400
    house.see(house.minutes(20, dict.fromkeys(CAMERAS, 60.0)))
    image = IMAGE.almanac
    assert (
        np.frombuffer(house.memory.almanacs[key].record, image)[0]["table"].tobytes()
        == np.frombuffer(before, image)[0]["table"].tobytes()
    )
    house.line.now += 86_400
    house.see(house.minutes(20, dict.fromkeys(CAMERAS, 60.0)))
    assert (
        np.frombuffer(house.memory.almanacs[key].record, image)[0]["table"].tobytes()
        != np.frombuffer(before, image)[0]["table"].tobytes()
    )


def test_frames_of_a_judged_minute_are_late(house: House) -> None:
    house.see(house.minutes(3))
    old = msgspec.structs.replace(house.line.frame("cam-1", SCENE, stream="video"), received_at=house.line.now - 120)
    before = house.memory.scenes["cam-1"].minutes
    assert house.judge.apply(old, old.received_at) == []
    assert house.memory.cameras["cam-1"].counts.late == 1
    assert house.memory.scenes["cam-1"].minutes == before


def test_a_new_version_of_the_same_pixels_keeps_the_image_and_warms_for_the_rest(house: House) -> None:
    house.line.publish_for_other("2")
    house.see(house.minutes(5))
    image = house.memory.almanacs["cam-1", "image", PIXELS]
    house.see(house.minutes(5, version="2"))
    assert house.memory.almanacs["cam-1", "image", PIXELS] is image
    assert list(house.memory.scenes["cam-1"].versions) == ["1", "2"]
    assert ("cam-1", "answers", "2") in house.memory.tracks
    said = house.see(house.minutes(12, {"cam-2": 60.0}, version="2"))
    assert isinstance(said[0], IncidentOpened)  # the image did not have to warm again


def test_a_new_version_of_other_pixels_is_no_drift_and_warms_for_the_image_too(house: House) -> None:
    """A reduced decode leaves other statistics of the same scene: what was measured on one is no reference for the other."""
    house.line.publish_for_other("2", decode="reduced")
    house.see(house.minutes(5))
    assert house.see(house.minutes(20, version="2")) == []
    scene = house.memory.scenes["cam-1"]
    assert set(scene.ratios.values()) == {0.0}
    assert house.states()["cam-1"] == ("warming", "0.0 of 28 days of its own history; verdicts begin after 7")
    assert house.see(house.minutes(5)) == []
    assert house.memory.scenes["cam-1"].ratios["image statistics"] > 0
    assert house.states()["cam-1"] == ("quiet", "")


def test_pixels_that_none_of_the_last_two_versions_saw_are_forgotten(house: House) -> None:
    """Their live records after an hour, their history with the last version that saw them: a camera holds two of each at most."""
    image, other = ("cam-1", "image", PIXELS), ("cam-1", "image", "32x32 stretch reduced")
    for version in ("2", "3"):
        house.line.publish_for_other(version, decode="reduced")
    house.see(house.minutes(2, own=("cam-1",)))
    house.see(house.minutes(AWAY, own=("cam-1",), version="2"))
    assert {image, other} <= house.memory.tracks.keys()
    house.see(house.minutes(4, own=("cam-1",), version="2"))
    assert image not in house.memory.tracks
    assert image in house.memory.almanacs
    house.see(house.minutes(3, own=("cam-1",), version="3"))
    assert image not in house.memory.almanacs
    assert ("almanac", "\x1f".join(image)) in house.memory.dirty
    assert {source for name, aspect, source in house.memory.tracks if (name, aspect) == other[:2]} == {other[2]}
    assert set(house.memory.scenes["cam-1"].versions) == {"2", "3"}


def test_of_a_minute_of_two_kinds_of_pixels_only_those_of_most_frames_count(tmp_path: Path) -> None:
    seen = []
    for trailing in (0, 1):
        house = House(tmp_path / str(trailing))
        house.line.publish_for_other("2", decode="reduced")
        house.see(house.minutes(3))
        for version in ["1"] * EACH + ["2"] * trailing:
            house.see(iter([house.line.frame("cam-1", SCENE, version=version, stream="video")]))
            house.line.now += 10
        house.see(house.minutes(2, own=("cam-2",)))
        seen.append(house.memory.tracks["cam-1", "image", PIXELS].record)
        assert ("cam-1", "image", "32x32 stretch reduced") not in house.memory.tracks
    assert seen[0] == seen[1]


def test_a_camera_at_fault_is_not_healthy_because_its_new_pixels_warm(house: House) -> None:
    house.line.publish_for_other("2", decode="reduced")
    house.see(house.minutes(10))
    house.see(house.minutes(12, {"cam-2": 60.0}))
    assert house.memory.cameras["cam-2"].fault == "differs"
    assert house.see(house.minutes(10, {"cam-2": 60.0}, version="2")) == []
    assert house.memory.cameras["cam-2"].fault == "differs"


def test_a_version_that_is_rolled_back_to_is_judged_at_once_by_the_history_it_left(house: House) -> None:
    """Its banks and alarms are let go after an hour; its almanacs stay, and its limits with them."""
    house.line.publish_for_other("2")
    house.see(house.minutes(4))
    answers, limit = ("cam-1", "answers", "1"), house.memory.almanacs["cam-1", "answers", "1"].record
    house.see(house.minutes(AWAY, own=("cam-1",), version="2"))
    assert answers in house.memory.tracks
    house.see(house.minutes(4, own=("cam-1",), version="2"))
    assert answers not in house.memory.tracks
    assert ("track", "\x1f".join(answers)) in house.memory.dirty
    assert house.memory.scenes["cam-1"].ratios["softmax"] == 0  # version 2 warms
    house.see(house.minutes(2, own=("cam-1",)))
    assert house.memory.scenes["cam-1"].version == "1"
    assert house.memory.scenes["cam-1"].ratios["softmax"] > 0
    assert house.memory.almanacs[answers].record == limit


def test_of_three_versions_the_one_that_answered_longest_ago_is_forgotten(house: House) -> None:
    for other in ("2", "3"):
        house.line.publish_for_other(other)
    for version in ("1", "2", "1", "3"):
        house.see(house.minutes(2, own=("cam-1",), version=version))
    assert set(house.memory.scenes["cam-1"].versions) == {"1", "3"}
    assert {source for _, _, source in house.memory.tracks} == {PIXELS, "1", "3"}
    assert ("cam-1", "answers", "2") not in house.memory.almanacs


def test_drift_that_the_next_version_sees_too_goes_over_to_it(house: House) -> None:
    house.line.publish_for_other("2")
    house.see(house.minutes(3))
    house.see(house.minutes(20, dict.fromkeys(CAMERAS, 60.0)))
    (number,) = house.memory.cases
    said = house.see(house.minutes(5, dict.fromkeys(CAMERAS, 60.0), version="2"))
    assert not any(isinstance(word, IncidentOpened) for word in said)
    assert house.memory.cases[number].incident.version == "2"


def test_a_kill_between_any_two_events_changes_nothing(tmp_path: Path) -> None:
    whole, broken = House(tmp_path / "a"), House(tmp_path / "b")
    said: list[list[AnyEvent]] = [[], []]
    frames = (house.minutes(14, {"cam-3": 60.0}) for house in (whole, broken))
    for one, other in zip(*frames, strict=True):
        said[0] += whole.judge.apply(one, one.received_at)
        said[1] += broken.judge.apply(other, other.received_at)
        memory = Memory()
        for (kind, _), value in parts(broken.memory).items():
            memory.restore(msgspec.msgpack.decode(value, type=KINDS[kind]))
        memory.dirty = dict(broken.memory.dirty)
        broken.memory = memory
        broken.judge = Judge(MODEL, POLICY, memory, broken.standards)
    assert said[0] == said[1]
    assert said[0]
    assert parts(whole.memory) == parts(broken.memory)
