"""An incident from its opening to its end: told once, told again as it grows, seen, reminded of, called a false alarm, forgotten."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace as replaced

from contracts.events import AnyEvent, IncidentClosed, IncidentOpened, IncidentUpdated
from monitor.incidents import severity
from monitor.incidents.mark import Mark
from monitor.incidents.marks import Marks
from monitor.items.replay import Replay
from monitor.judge import Judge
from monitor.memory import KINDS, MARKS_KEPT
from monitor.standard import Standard
from tests.monitor_house import CAMERAS, POLICY, House, incidents, kinds
from tests.monitor_line import MODEL, Line, black, other, smeared, usual
from tests.small_model import photographs

DAY_S = 86_400.0


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(Line(tmp_path))


def drifted(house: House, frames: int = 64) -> str:
    """The incident of all cameras seeing something else."""
    house.see(house.line.pass_by(CAMERAS, 64, usual()))
    (number,) = {incident.incident_id for incident in incidents(house.see(house.line.pass_by(CAMERAS, frames, other())))}
    return number


def loaded_again(house: House) -> House:
    """The same judge in a process that was started anew on what was saved, in the order of saving."""
    again = House(house.line, house.policy)
    for kind, key in house.memory.dirty:
        part = house.memory.part(kind, key)
        if part is not None:
            again.memory.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=KINDS[kind]))
    again.memory.dirty = dict(house.memory.dirty)
    return again


def test_the_very_first_drift_fires_with_nothing_seen_before_it(house: House) -> None:
    said = house.see(house.line.pass_by(CAMERAS, 64, other()))
    assert kinds(said)[0] == "IncidentOpened"


def test_the_first_drift_after_a_start_on_saved_state_fires(house: House) -> None:
    house.see(house.line.pass_by(CAMERAS, 64, usual()))
    again = loaded_again(house)
    assert kinds(again.see(house.line.pass_by(CAMERAS, 64, other())))[0] == "IncidentOpened"


def test_a_lasting_drift_opens_once_and_is_told_again_at_doublings_only(house: House) -> None:
    drifted(house)
    house.see(house.line.pass_by(CAMERAS, 800, other()))
    assert kinds(house.said).count("IncidentOpened") == 1
    updates = [word for word in house.said if isinstance(word, IncidentUpdated)]
    joined = 1  # the third camera, which closed its block after the first two were confirmed
    assert len(updates) == joined + 5  # at 8, 16, 32, 64 and 128 blocks of the three cameras' 153
    assert updates[-1].incident.evidence[0].ratio > updates[0].incident.evidence[0].ratio
    assert {word.why for word in updates} == {"evidence"}
    assert updates[-1].incident.since == incidents(house.said)[0].since


def test_an_acknowledgement_is_told_once_and_the_first_name_stays(house: House) -> None:
    number = drifted(house)
    (word,) = house.acknowledge(number)
    assert isinstance(word, IncidentUpdated)
    assert (word.why, word.incident.acknowledged_by) == ("acknowledged", "Ada")
    assert house.acknowledge(number) == house.acknowledge(number, "Grace") == []
    assert house.acknowledge("no such incident") == []
    assert house.memory.cases[number].incident.acknowledged_by == "Ada"


def fault(house: House) -> str:
    """One black camera."""
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    (opened,) = house.see(line.frame(camera, black() if camera == "cam-2" else usual()) for _ in range(20) for camera in CAMERAS)
    assert isinstance(opened, IncidentOpened)
    return opened.incident.incident_id


def pass_hours(house: House, hours: int, cameras: tuple[str, ...], blind: tuple[str, ...] = ()) -> list[AnyEvent]:
    """A frame of each camera every ten minutes, `blind` ones black."""
    said: list[AnyEvent] = []
    for _ in range(hours * 6):
        house.line.now += 600.0 - 0.05 * len(cameras)
        said += house.see(house.line.frame(camera, black() if camera in blind else usual()) for camera in cameras)
    return said


def test_an_open_incident_is_told_again_each_day_until_somebody_has_seen_it(tmp_path: Path) -> None:
    house = House(Line(tmp_path), replace(POLICY, silence_s=3600.0))
    number = fault(house)
    reminders = [word for word in pass_hours(house, 50, CAMERAS, blind=("cam-2",)) if isinstance(word, IncidentUpdated)]
    assert [word.why for word in reminders] == ["reminder", "reminder"]
    opened = incidents(house.said)[0]
    assert reminders[0].incident == opened
    assert DAY_S <= reminders[0].occurred_at - opened.opened_at < DAY_S + 600
    house.acknowledge(number)
    assert pass_hours(house, 50, CAMERAS, blind=("cam-2",)) == []


def test_a_ticket_that_becomes_a_page_asks_to_be_seen_anew(house: House) -> None:
    number = fault(house)
    house.acknowledge(number)
    said = incidents(house.see(house.line.pass_by(CAMERAS, 20, black())))
    assert [(one.severity, one.acknowledged_by) for one in said] == [("ticket", "Ada"), ("page", "")]


def test_a_dead_camera_is_a_ticket_a_dead_site_a_page_and_a_smeared_camera_among_sharp_ones_too(house: House) -> None:
    fault(house)
    assert [one.severity for one in incidents(house.said)] == ["ticket"]
    house.see(house.line.pass_by(CAMERAS, 20, black()))
    assert incidents(house.said)[-1].severity == "page"
    house.see(house.line.pass_by(CAMERAS, 200, usual()))
    frames = (house.line.frame(camera, smeared() if camera == "cam-2" else usual()) for _ in range(100) for camera in CAMERAS)
    (opened,) = incidents(house.see(frames))
    assert (opened.cameras, opened.severity) == (("cam-2",), "page")


def test_two_causes_at_one_site_are_two_incidents_and_the_faulty_camera_counts_for_no_drift(house: House) -> None:
    line = house.line
    fault(house)
    house.see(line.frame(camera, black() if camera == "cam-2" else other()) for _ in range(80) for camera in CAMERAS)
    told = {one.incident_id: one for one in incidents(house.said)}
    assert sorted((one.cause == "camera_fault", one.cameras) for one in told.values()) == [
        (False, ("cam-1", "cam-3")),
        (True, ("cam-2",)),
    ]


def lamplit(house: House, frames: int) -> list[AnyEvent]:
    """Usual objects in another light, for instance a lamp that is switched on at times."""
    return house.see(
        replaced(frame, statistics=replaced(frame.statistics, luma_mean=frame.statistics.luma_mean + 90.0))
        for frame in house.line.pass_by(CAMERAS, frames, usual())
    )


def test_what_was_marked_as_false_is_not_reported_again_and_something_else_is(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    (number,) = {incident.incident_id for incident in incidents(lamplit(house, 96))}
    (closed,) = house.false_alarm(number)
    assert isinstance(closed, IncidentClosed)
    assert closed.false_alarm
    assert house.false_alarm(number) == []
    assert lamplit(house, 100) == []
    house.see(line.pass_by(CAMERAS, 200, usual()))
    assert lamplit(house, 160) == []  # the same non-event
    house.see(line.pass_by(CAMERAS, 200, usual()))
    assert kinds(house.see(line.pass_by(CAMERAS, 64, other())))[0] == "IncidentOpened"


def test_a_mark_holds_for_a_new_version_and_after_a_start_and_ends_after_its_days(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.publish("2", photographs(192, 0))
    house = House(line, replace(POLICY, silence_s=1e9, away_days=1e6, false_alarm_days=10.0))
    house.false_alarm(drifted(house))
    house.see(line.pass_by(CAMERAS, 200, other()))
    house.advance("2", "champion")
    again = loaded_again(house)
    assert again.memory.marks == house.memory.marks
    assert again.see(line.pass_by(CAMERAS, 160, other(), "2")) == []
    again.see(line.pass_by(CAMERAS, 200, usual(), "2"))
    line.now += 10 * DAY_S
    assert kinds(again.see(line.pass_by(CAMERAS, 160, other(), "2")))[0] == "IncidentOpened"


def test_a_mark_of_one_camera_raises_its_own_limits_only(house: House) -> None:
    mark = Mark("1", "", "hall", ("cam-1",), "1", {"embedding": [3.0, 2.0]}, 0.0, "Ada", "")
    house.memory.marks["1"] = mark
    house.see(house.line.pass_by(CAMERAS, 1, usual()))
    marks = Marks(house.memory, 1e6)
    plain = house.standards("1").reference
    assert plain is not None
    embedding = [channel.name for channel in plain.channels].index("embedding")
    factors = marks.reference(house.memory.cameras["cam-1"], plain).limits / plain.limits
    assert factors[embedding] == pytest.approx([3.45, 2.3])
    assert np.delete(factors, embedding, axis=0) == pytest.approx(1.0)
    assert np.array_equal(marks.reference(house.memory.cameras["cam-2"], plain).limits, plain.limits)


def test_a_mark_of_several_cameras_holds_for_all_of_the_model(house: House) -> None:
    """The product variety that one hall's cameras were shown comes to the others, too."""
    house.false_alarm(drifted(house))
    house.see(house.line.pass_by(CAMERAS, 160, other()))
    house.see(house.line.pass_by(("gate-1", "gate-2"), 64, usual(), site="yard"))
    assert house.see(house.line.pass_by(("gate-1", "gate-2"), 128, other(), site="yard")) == []


def test_an_incident_that_closed_by_itself_may_be_called_a_false_alarm_the_morning_after(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    (number,) = {incident.incident_id for incident in incidents(lamplit(house, 160))}
    assert isinstance(house.see(line.pass_by(CAMERAS, 400, usual()))[-1], IncidentClosed)
    again = loaded_again(house)
    assert again.false_alarm(number) == []
    assert lamplit(again, 128) == []
    again.see(line.pass_by(CAMERAS, 200, usual()))
    assert kinds(again.see(line.pass_by(CAMERAS, 64, other())))[0] == "IncidentOpened"


def test_marks_are_bounded(house: House) -> None:
    for i in range(MARKS_KEPT + 5):
        for by in ("Ada", ""):
            house.memory.keep_mark(Mark(f"{by}{i}", "", "hall", ("cam-1",), "1", {}, float(i), by))
    assert sorted(mark.at for mark in house.memory.marks.values() if mark.by) == list(range(5, MARKS_KEPT + 5))
    assert len(house.memory.marks) == 2 * MARKS_KEPT
    assert house.memory.part("mark", "Ada4") is None
    assert ("mark", "Ada4") in house.memory.dirty


def test_a_symptom_that_a_person_accepts_is_reported_again_only_after_it_was_gone(house: House) -> None:
    line = house.line
    house.false_alarm(fault(house))
    frames = (line.frame(camera, black() if camera == "cam-2" else usual()) for _ in range(100) for camera in CAMERAS)
    assert house.see(frames) == []
    house.see(line.pass_by(CAMERAS, 3, usual()))
    frames = (line.frame(camera, black() if camera == "cam-2" else usual()) for _ in range(20) for camera in CAMERAS)
    assert kinds(house.see(frames)) == ["IncidentOpened"]


def test_a_silence_that_a_person_accepts_is_not_reported_until_the_camera_has_sent_again(house: House) -> None:
    line = house.line
    house.see(line.pass_by(CAMERAS, 64, usual()))
    (opened,) = house.see(line.pass_by(CAMERAS[:2], 800, usual()))
    house.false_alarm(opened.incident.incident_id)  # type: ignore[union-attr]
    assert house.see(line.pass_by(CAMERAS[:2], 800, usual())) == []
    house.see([line.frame("cam-3", usual())])
    assert kinds(house.see(line.pass_by(CAMERAS[:2], 800, usual()))) == ["IncidentOpened"]


def test_an_incident_whose_cameras_are_gone_is_closed_after_days_and_opens_anew_when_they_come_back(tmp_path: Path) -> None:
    house = House(Line(tmp_path), replace(POLICY, away_days=2.0, silence_s=1e9))
    number = drifted(house)
    house.acknowledge(number)
    away = pass_hours(house, 47, ("gate",))
    assert kinds(away) == []
    (closed,) = pass_hours(house, 3, ("gate",))
    assert isinstance(closed, IncidentClosed)
    assert "no frame since 2025-06-15 15:06 UTC" in closed.resolution
    assert kinds(house.see(house.line.pass_by(CAMERAS, 64, other())))[0] == "IncidentOpened"


def test_a_camera_that_was_taken_down_is_silent_for_days_then_forgotten(tmp_path: Path) -> None:
    house = House(Line(tmp_path), replace(POLICY, away_days=2.0, silence_s=3600.0))
    house.see(house.line.pass_by(CAMERAS, 64, usual()))
    said = pass_hours(house, 60, CAMERAS[:2])
    assert kinds(said) == ["IncidentOpened", "IncidentUpdated", "IncidentClosed"]
    assert house.states()["cam-3"] == "away"
    house.see([house.line.frame("cam-3", usual())])
    assert house.states()["cam-3"] == "warming"


def test_a_version_that_does_not_mend_it_takes_the_incident_over(house: House) -> None:
    line = house.line
    line.publish("2", photographs(192, 5))
    number = drifted(house)
    house.advance("2", "champion")
    said = incidents(house.see(line.pass_by(CAMERAS, 80, other(), "2")))
    assert {one.incident_id for one in said} == {number}
    assert (said[0].version, said[0].cameras) == ("2", CAMERAS)
    assert "version 2" in said[0].headline
    assert isinstance(house.see(line.pass_by(CAMERAS, 400, usual(), "2"))[-1], IncidentClosed)


def test_a_version_that_cannot_keep_its_budget_writes_tickets_and_says_so(house: House) -> None:
    standards = house.standards

    def overspent(version: str) -> Standard:
        standard = standards(version)
        return replace(standard, rehearse=lambda: Replay(4, 1.0))

    house.judge = Judge(MODEL, house.policy, house.memory, overspent)
    drifted(house, 200)
    told = incidents(house.said)
    assert {one.severity for one in told} == {"ticket"}
    assert "cannot keep its budget of 1 pages a month (replay: 4), so it writes tickets" in told[-1].action


def test_two_channels_within_an_hour_page_when_one_speaks_of_the_answers() -> None:
    assert severity.pages({"softmax": 5000.0, "embedding": 1400.0})
    assert not severity.pages({"softmax": 5001.0, "embedding": 1400.0})
    assert not severity.pages({"image": 0.0, "embedding": 0.0})
    assert not severity.pages({"performance": 0.0})
    assert severity.pages({"performance": 0.0, "softmax": 0.0})


@pytest.mark.parametrize(
    ("fault", "whole_site", "peers", "says"),
    [
        ("black", False, True, "ticket"),
        ("black", True, False, "page"),
        ("silent", True, False, "page"),
        ("clock_skew", True, False, "ticket"),
        ("wrong_picture", True, False, "ticket"),
        ("out_of_focus", False, True, "page"),
        ("out_of_focus", False, False, "ticket"),
        ("differs", False, True, "page"),
    ],
)
def test_which_faults_page(fault: str, whole_site: bool, peers: bool, says: str) -> None:
    assert severity.of_fault(fault, whole_site, peers) == says
