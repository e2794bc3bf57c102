"""Symptoms and faults, frame by frame."""

from pathlib import Path

import msgspec
import pytest

from contracts.events import FrameScored
from contracts.repository import ModelRepository
from monitor import health
from monitor.camera import Camera
from monitor.items.reference import Reference
from monitor.policy import Policy
from monitor.standard import Standards
from tests.monitor_line import MODEL, Line, black, smeared, usual


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def reference(line: Line) -> Reference:
    found = Standards(ModelRepository(line.url), MODEL, Policy())("1").reference
    assert found is not None
    return found


def look(camera: Camera, frame: FrameScored, reference: Reference | None) -> str:
    health.sharpen(frame, camera)
    symptom = health.symptom_of(frame, camera, reference, 60.0)
    health.observe(frame, camera, symptom)
    return symptom


def settled(line: Line, reference: Reference | None) -> Camera:
    camera = Camera("cam-1", "hall", "items")
    symptoms = {look(camera, frame, reference) for frame in line.pass_by(("cam-1",), 64, usual())}
    assert symptoms == {""} or reference is None  # single crops of bare sky look white or covered where no reference knows them
    return camera


def altered(frame: FrameScored, **changes: object) -> FrameScored:
    return msgspec.structs.replace(frame, statistics=msgspec.structs.replace(frame.statistics, **changes))


def test_black_white_and_covered_are_told_with_and_without_a_reference(line: Line, reference: Reference) -> None:
    frame = line.frame("cam-1", usual())
    for known in (reference, None):
        camera = settled(line, known)
        assert look(camera, line.frame("cam-1", black()), known) == "black"
        assert look(camera, altered(frame, luma_mean=254.0, contrast=1.0, clipped_bright=0.99), known) == "white"
        assert look(camera, altered(frame, luma_mean=90.0, contrast=0.1), known) == "covered"


def test_dark_frames_that_the_reference_knows_are_no_symptom(line: Line, reference: Reference) -> None:
    night = altered(line.frame("cam-1", usual()), luma_mean=10.0, contrast=4.0)
    assert health.symptom_of(night, settled(line, reference), reference, 60.0) != ""
    assert (
        health.symptom_of(night, Camera("c", "s", "items"), _with(reference, luma_range=(5.0, 250.0), contrast_low=3.0), 60.0) == ""
    )


def _with(reference: Reference, **changes: object) -> Reference:
    from dataclasses import replace

    return replace(reference, **changes)  # type: ignore[arg-type]  # fields by name


def test_one_picture_again_and_again_is_frozen(line: Line, reference: Reference) -> None:
    camera = settled(line, reference)
    frame = line.frame("cam-1", usual())
    look(camera, frame, reference)
    assert look(camera, altered(frame, frame_difference=0.0), reference) == "frozen"
    assert look(camera, altered(frame, frame_difference=0.4), reference) == ""


def test_a_smeared_lens_is_out_of_focus_after_a_run_and_tells_since_when(line: Line, reference: Reference) -> None:
    for known in (reference, None):
        camera = settled(line, known)
        began = line.now
        symptoms = [look(camera, frame, known) for frame in line.pass_by(("cam-1",), 40, smeared())]
        assert symptoms[:4] == [""] * 4  # one soft frame is no lens
        assert symptoms[-12:] == ["out_of_focus"] * 12
        assert began - 0.2 <= camera.symptom_since <= began + 1.0
        assert health.is_fault(camera, [], 12)


def test_a_fault_begins_with_the_capture_of_its_first_frame_not_its_receipt(line: Line, reference: Reference) -> None:
    """Retraining leaves out what was captured since: a frame is captured some milliseconds before it is received."""
    for pool, symptom in ((smeared(), "out_of_focus"), (black(), "black")):
        camera = settled(line, reference)
        frames = [msgspec.structs.replace(one, captured_at=one.received_at - 0.05) for one in line.pass_by(("cam-1",), 40, pool)]
        for frame in frames:
            look(camera, frame, reference)
        assert camera.symptom == symptom
        assert camera.symptom_since <= frames[0].captured_at


def test_focus_lost_with_the_peers_is_no_lens(line: Line, reference: Reference) -> None:
    camera, sharp, soft = (settled(line, reference) for _ in range(3))
    for frame in line.pass_by(("cam-1",), 40, smeared()):
        look(camera, frame, reference)
        look(soft, frame, reference)
    assert health.is_fault(camera, [sharp], 12)
    assert not health.is_fault(camera, [soft], 12)
    assert health.is_fault(camera, [sharp, sharp, soft], 12)


def test_another_size_or_codec_is_told_and_accepted(line: Line, reference: Reference) -> None:
    camera = settled(line, reference)
    small = line.frame("cam-1", usual(), width=48, height=48)
    assert look(camera, small, reference) == "wrong_picture"
    health.accept_picture(camera)
    assert look(camera, small, reference) == ""


def test_a_wrong_clock_is_told(line: Line, reference: Reference) -> None:
    camera = settled(line, reference)
    assert look(camera, line.frame("cam-1", usual(), captured_at=line.now - 3600), reference) == "clock_skew"


def test_a_symptom_is_a_fault_only_in_a_row(line: Line, reference: Reference) -> None:
    camera = settled(line, reference)
    for i in range(60):
        look(camera, line.frame("cam-1", black() if i % 6 else usual()), reference)
        assert not health.is_fault(camera, [], 12)


def test_labels_of_frames_taken_during_a_past_fault_stay_out() -> None:
    camera = Camera("c", "s", "items")
    camera.open_fault("black", 100.0)
    assert camera.faulted_at(150.0)
    assert not camera.faulted_at(99.0)
    camera.close_fault(200.0)
    assert [camera.faulted_at(at) for at in (99.0, 150.0, 201.0)] == [False, True, False]
    assert camera.faulted_since(150.0)
    assert not camera.faulted_since(250.0)
