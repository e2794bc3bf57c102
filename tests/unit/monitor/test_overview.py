"""What the monitor shows of itself: states, ratios, metrics."""

from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from contracts import metrics_monitor
from contracts.repository import ModelRepository
from monitor.exports import Exports
from monitor.incidents.mark import Mark
from monitor.items.replay import Replay
from monitor.judge import Judge
from monitor.memory import Memory
from monitor.overview import STATES, CameraView, Overview, overview
from monitor.policy import Policy
from monitor.standard import Standard, Standards
from tests.monitor_line import MODEL, Line, black, other, usual

POLICY = Policy(block_frames=16, confirm_blocks=3)


def seen(folder: Path) -> tuple[Overview, Standards]:
    line, memory = Line(folder), Memory()
    standards = Standards(ModelRepository(line.url), MODEL, POLICY)
    judge = Judge(MODEL, POLICY, memory, standards)
    for pool, cameras, each in (
        (usual(), ("cam-1", "cam-2", "cam-3"), 40),
        (other(), ("cam-1", "cam-2"), 64),
        (black(), ("cam-3",), 20),
    ):
        for frame in line.pass_by(cameras, each, pool):
            judge.apply(frame, line.now)
            judge.apply(line.label(frame, right=True), line.now)
    return overview(MODEL, POLICY, memory, standards), standards


def test_states_reasons_and_incidents_are_shown(tmp_path: Path) -> None:
    view, _ = seen(tmp_path)
    assert [(c.camera, c.state) for c in view.cameras] == [("cam-1", "drifted"), ("cam-2", "drifted"), ("cam-3", "fault")]
    assert view.cameras[2].reason == "black"
    assert view.cameras[0].ratios["embedding"] >= 1
    assert {incident["cause"] for incident in view.incidents} >= {"camera_fault"}
    assert view.versions["1"]["labels"] > 200
    assert view.versions["1"]["realised"]["accuracy"]["value"] == 1.0
    assert view.events["FrameScored"] == 120 + 128 + 20


def test_metrics_carry_what_the_overview_tells(tmp_path: Path) -> None:
    view, standards = seen(tmp_path)
    registry = CollectorRegistry()
    exports = Exports(registry, MODEL, standards.families)
    exports.show(view)
    exports.show(view)  # twice is the same
    exports.progress({("keepsight.frames", "judged"): 5}, {"IncidentOpened": 2}, 3, 100.0, 107.5)
    exports.progress({("keepsight.frames", "judged"): 8}, {"IncidentOpened": 2}, 0, 100.0, 107.5)
    text = generate_latest(registry).decode()
    for spec in metrics_monitor.ALL:
        assert f"# HELP {spec.name}" in text
    value = registry.get_sample_value
    replayed = view.versions["1"]["replay"]
    for bound in ("value", "low", "high"):
        shown = value("keepsight_monitor_calibrated_replay", {"model": MODEL, "version": "1", "bound": bound})
        assert shown == replayed[bound]
    estimated = view.versions["1"]["estimated"]
    for bound in ("value", "low", "high"):
        shown = value("keepsight_monitor_estimated_accuracy", {"model": MODEL, "version": "1", "bound": bound})
        assert shown == estimated[bound]
    assert value("keepsight_monitor_cameras_beyond_reference", {"model": MODEL, "version": "1"}) == estimated["beyond"] == 2
    assert value("keepsight_monitor_cameras_demoted", {"model": MODEL}) == 0
    assert value("keepsight_monitor_cameras_doubtful", {"model": MODEL}) == 0
    assert value("keepsight_monitor_false_alarm_marks", {"model": MODEL}) == 0
    assert [value("keepsight_monitor_cameras", {"model": MODEL, "state": state}) for state in STATES] == [0, 0, 0, 2, 1, 0, 0, 0]
    ratio = value("keepsight_monitor_drift_ratio", {"model": MODEL, "version": "1", "family": "embedding", "channel": "embedding"})
    assert ratio == max(view.cameras[i].ratios["embedding"] for i in (0, 1))
    assert value("keepsight_monitor_events_total", {"topic": "keepsight.frames", "fate": "judged"}) == 8
    assert value("keepsight_monitor_said_total", {"type": "IncidentOpened"}) == 2
    assert value("keepsight_monitor_said_total", {"type": "IncidentClosed"}) == 0
    assert value("keepsight_monitor_lag_seconds") == 0
    assert value("keepsight_monitor_quality", {"model": MODEL, "version": "1", "metric": "accuracy", "bound": "value"}) == 1.0
    assert value("keepsight_monitor_open_incidents", {"model": MODEL, "cause": "camera_fault", "severity": "ticket"}) == 1


def test_the_replay_figure_stands_beside_the_budget_and_a_demoted_version_says_why(tmp_path: Path) -> None:
    line, memory = Line(tmp_path), Memory()
    kept = Standards(ModelRepository(line.url), MODEL, POLICY)
    judge = Judge(MODEL, POLICY, memory, kept)
    for frame in line.pass_by(("cam-1",), 40, usual()):
        judge.apply(frame, line.now)
    view = overview(MODEL, POLICY, memory, kept)
    figure = view.versions["1"]["replay"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert (figure["value"], figure["alarms"], figure["budget"]) == (0, 0, 1.0)
    assert (view.versions["1"]["demoted"], view.cameras[0].demoted) == ("", "")

    def overspent(version: str) -> Standard:
        return replace(kept(version), rehearse=lambda: Replay(6, 2.0))

    view = overview(MODEL, POLICY, memory, overspent)
    assert view.versions["1"]["replay"]["value"] == 3.0
    assert view.cameras[0].demoted == "this camera cannot keep its budget of 1 pages a month (replay: 3), so it writes tickets"
    registry = CollectorRegistry()
    Exports(registry, MODEL, kept.families).show(view)
    assert registry.get_sample_value("keepsight_monitor_cameras_demoted", {"model": MODEL}) == 1


def test_marks_are_shown(tmp_path: Path) -> None:
    memory = Memory()
    memory.marks["1"] = Mark("1", "Hall sees", "hall", ("cam-1",), "1", {"embedding": [2.0]}, 5.0, "Ada", "a test piece")
    standards = Standards(ModelRepository(Line(tmp_path).url), MODEL, POLICY)
    (mark,) = overview(MODEL, POLICY, memory, standards).marks
    assert (mark["by"], mark["reason"], mark["worst"]) == ("Ada", "a test piece", {"embedding": [2.0]})


def test_a_video_camera_s_own_reference_shows_what_it_raised_and_demotes_it_above_its_budget(tmp_path: Path) -> None:
    line, memory = Line(tmp_path), Memory()
    standards = Standards(ModelRepository(line.url), MODEL, POLICY)
    judge = Judge(MODEL, POLICY, memory, standards)
    for frame in line.pass_by(("gate", "yard"), 3, usual(), stream="video"):
        judge.apply(frame, line.now)
    quiet, loud = memory.scenes["gate"], memory.scenes["yard"]
    assert quiet.replay is None
    quiet.rehearsed = loud.rehearsed = 21 * 1440
    quiet.raised, loud.raised = 1, 3
    gate, yard = overview(MODEL, POLICY, memory, standards).cameras
    assert (gate.demoted, gate.replay["alarms"]) == ("", 1)
    assert yard.demoted == "this camera cannot keep its budget of 1 pages a month (replay: 4.3), so it writes tickets"
    registry = CollectorRegistry()
    Exports(registry, MODEL, standards.families).show(overview(MODEL, POLICY, memory, standards))
    shown = registry.get_sample_value("keepsight_monitor_calibrated_replay_video", {"model": MODEL, "bound": "value"})
    assert shown == pytest.approx(4 / 1.4)


def test_the_sites_with_most_cameras_in_trouble_are_shown() -> None:
    states = [*("quiet", "drifted", "fault") * 30, "away"]
    cameras = [
        CameraView(f"cam-{i}", f"hall {i % 30:02}", state, "1", {}, 1, 0.0, 0.0, {}) for i, state in enumerate(sorted(states))
    ]
    registry = CollectorRegistry()
    Exports(registry, MODEL, lambda _: {}).show(Overview(MODEL, "1", 0.0, {}, cameras, [], [], {}))
    spec = metrics_monitor.SITE_CAMERAS
    shown = {
        (sample.labels["site"], sample.labels["state"]): sample.value
        for metric in registry.collect()
        if metric.name == spec.name
        for sample in metric.samples
    }
    assert shown["hall 00", "away"] == shown["hall 00", "fault"] == 1
    assert {site for site, _ in shown} == {f"hall {number:02}" for number in range(20)}
    assert {state for _, state in shown} == {"away", "drifted", "fault"}
