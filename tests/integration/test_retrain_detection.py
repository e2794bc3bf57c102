"""A detector is retrained whole, on composed frames (tests/composed.py: real digits on real photographs, their meeting made up).

The champion learned frames by day; the light falls to a fifth. Labelled dark frames come in, and the candidate must find objects in them and not forget
the day. One that learned from boxes that are wrong must be refused.
"""

import io
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from contracts.files import Folder, sha256
from contracts.manifest import MODEL
from contracts.predictions import Box
from retrain.data.deals import Deals
from retrain.models.recipe import SMALL_CONV
from retrain.registry.publish import stage
from retrain.request import OUTCOME, CandidateOutcome
from retrain.trainer import detector_training
from retrain.trainer.candidate import run
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests.detector_house import NAME, NEW, SINCE, DetectorHouse, champion, day, night, precision, untaught


@pytest.fixture
def house(tmp_path: Path) -> DetectorHouse:
    return DetectorHouse(tmp_path, champion)


def test_a_detectors_request_is_trained_judged_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One epoch teaches nothing: every gate is asked, and it is refused."""
    monkeypatch.setitem(detector_training.COURSES, "full", replace(detector_training.COURSES["full"], epochs=1))
    quick = DetectorHouse(tmp_path, untaught)
    outcome = run(quick.job("quick", night(200, 7)), io.StringIO())
    assert outcome is not None
    verdicts = {one.gate: one.verdict for one in outcome.gates}
    assert (verdicts["data"], verdicts["artefact"], verdicts["export parity"]) == ("pass", "pass", "pass")
    assert len(verdicts) == 15
    assert not [one.detail for one in outcome.gates if "the gate itself failed" in one.detail]
    assert outcome.verdict in ("rejected", "held")
    page = (tmp_path / "jobs" / "quick" / outcome.page).read_text()
    assert all(f'id="{part}"' in page for part in ("gate-labels", "stress", "curve"))
    assert (tmp_path / "jobs" / "quick" / "curve.png").exists()
    assert outcome.table[0].latency_ms > 0
    assert outcome.judged_on
    assert not (tmp_path / "jobs" / "quick" / "prepared").exists()
    assert open_served(quick.repository.read(NAME, "1"), Runtime(How("cpu", 4))).golden_frames == 8


@pytest.mark.slow
def test_a_detector_learns_the_night_and_keeps_the_day(house: DetectorHouse) -> None:
    outcome = run(house.job("night", night(NEW, 7)), io.StringIO())
    assert outcome is not None
    told = {one.gate: (one.verdict, one.detail) for one in outcome.gates}
    assert outcome.verdict == "packaged", (outcome.reason, told)
    package = house.folder / "jobs" / "night" / "package"
    assert b'id="gate-recall"' in (package / outcome.page).read_bytes()
    model = (package / MODEL).read_bytes()
    assert sha256(model) == outcome.digest
    before, after = (precision(one, night(100, 40)) for one in (champion()[0], model))
    assert after > before + 0.1
    assert precision(model, day(100, 41)) > precision(champion()[0], day(100, 41)) - 0.1

    published = house.repository.finish(
        stage(NAME, "1", outcome, Folder(str(house.folder / "jobs" / "night")), house.repository, SINCE)
    )
    assert open_served(house.repository.read(NAME, published.version), Runtime(How("cpu", 4))).golden_frames == 8
    assert published.detection is not None
    assert published.detection.map50.low < after < published.detection.map50.high
    assert {"gain", "forgetting", "slices", "stress", "calibration", "drift closure"} <= told.keys()
    assert set(Deals(house.store, NAME).standing().values()) == {"train", "validation", "gate"}


@pytest.mark.slow
def test_one_that_learned_from_wrong_boxes_is_not_published(house: DetectorHouse) -> None:
    """Every box lies beside its object: the labels are doubted, and a person is asked to look at them before anything else is said."""
    beside = [
        one._replace(boxes=tuple(Box(b.label, (b.x1 + 60) % 110, b.y1, (b.x1 + 60) % 110 + b.x2 - b.x1, b.y2) for b in one.boxes))
        for one in night(NEW, 7)
    ]
    outcome = run(house.job("wrong", beside), io.StringIO())
    assert outcome is not None
    assert outcome.verdict == "held"
    assert {gate.gate: gate.verdict for gate in outcome.gates}["labels"] == "inconclusive"
    assert "recall: average precision" in outcome.reason
    assert outcome.package == {}


@pytest.mark.slow
def test_a_killed_job_ends_as_it_would_have(house: DetectorHouse) -> None:
    job = house.job("again", night(NEW, 7))
    first = run(job, io.StringIO())
    (job / OUTCOME).unlink()
    second = run(job, io.StringIO())
    assert first is not None
    assert second is not None
    assert second.package == first.package
    assert msgspec.json.decode((job / OUTCOME).read_bytes(), type=CandidateOutcome) == second


@pytest.mark.slow
def test_a_graph_without_weights_needs_a_recipe_and_says_so(house: DetectorHouse) -> None:
    version = house.repository.read(NAME, "1")
    bare = msgspec.structs.replace(
        version.manifest, version="2", lineage=msgspec.structs.replace(version.manifest.lineage, recipe=""), files={}
    )
    house.repository.publish(bare, version.model, version.baseline, version.golden)
    job = house.job("bare", night(NEW, 7), parent="2")
    outcome = run(job, io.StringIO())
    assert outcome is not None
    assert outcome.verdict == "held"
    assert "name a network in the setting recipe" in outcome.reason
    named = run(house.job("named", night(NEW, 7), parent="2", recipe=SMALL_CONV), io.StringIO())
    assert named is not None
    assert [row.technique for row in named.table] == ["scratch"]
    verdicts = {one.gate: one.verdict for one in named.gates}
    assert (verdicts["export parity"], verdicts["gain"], verdicts["recall"]) == ("pass", "pass", "pass")
