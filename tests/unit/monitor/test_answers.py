"""A detector judged by what it really says: composed photographs through the small detector, quiet as they are, loud when they darken."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from contracts import frames as framing
from contracts.baseline import Baseline
from contracts.detections import detections, way
from contracts.errors import VersionError
from contracts.events import FrameScored
from contracts.manifest import Manifest
from contracts.predictions import Box, Classification, Detections
from contracts.repository import ModelRepository
from monitor.items import answers
from monitor.items.answers import Boxes, Classes, IncompleteFrameError
from monitor.items.reference import Budget, Reference, calibrate
from monitor.items.replay import held_out
from monitor.items.watch import Watch
from monitor.policy import Policy
from monitor.report.rows import Layout, reference_answers
from monitor.standard import Standards
from tests.composed import composed, jpeg
from tests.monitor_line import Line, usual
from tests.small_detector import LABELS, publish_small_detector, run_blobs

BUDGET = Budget(pages_a_month=1.0, frames_a_second=1.0, block_frames=32)
REFERENCE, LIVE = 160, 8 * 32


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> ModelRepository:
    folder = str(tmp_path_factory.mktemp("detector"))
    publish_small_detector(folder, contents=[jpeg(one.image) for one in composed(REFERENCE, seed=1)])
    return ModelRepository(folder)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("line"))


@pytest.fixture(scope="module")
def published(repository: ModelRepository) -> tuple[Manifest, Baseline]:
    return repository.baseline("small", "1")


@pytest.fixture(scope="module")
def reference(published: tuple[Manifest, Baseline]) -> Reference:
    return calibrate(*published, BUDGET)


def live(repository: ModelRepository, line: Line, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> list[FrameScored]:
    """Composed frames that the reference has not seen, changed, as the detector scores them."""
    version, template = repository.read("small", "1"), line.frame("cam", usual())
    spec = version.manifest.input
    contents = [jpeg(change(one.image)) for one in composed(LIVE, seed=2)]
    headers = [framing.inspect(content) for content in contents]
    pixels = np.stack([framing.see(content, spec, header) for content, header in zip(contents, headers, strict=True)])
    rows, embedding = run_blobs(version.model, pixels)
    axes = version.baseline.project(embedding).tolist()
    events = []
    for seen, header, row, place in zip(pixels, headers, rows, axes, strict=True):
        prediction = detections(row, LABELS, way(header, spec))
        assert prediction is not None
        events.append(
            msgspec.structs.replace(
                template, width=header.width, height=header.height, statistics=framing.measure(seen)[0], prediction=prediction, embedding=tuple(place)
            )
        )  # fmt: skip
    return events


@pytest.fixture(scope="module")
def usual_frames(repository: ModelRepository, line: Line) -> list[FrameScored]:
    return live(repository, line, lambda image: image)


def worst(reference: Reference, frames: list[FrameScored]) -> dict[str, float]:
    """Each channel's highest ratio of any block."""
    watch, told = Watch("cam", "1"), []
    for at, frame in enumerate(frames):
        if watch.take(reference.layout.row(frame), float(at), None, reference, BUDGET.block_frames):
            told.append(watch.ratios)
    return dict(zip((channel.name for channel in reference.channels), np.max(told, axis=0).tolist(), strict=True))


def test_unchanged_frames_are_quiet_and_dark_ones_are_told_by_the_image_and_the_boxes(
    repository: ModelRepository, line: Line, reference: Reference, usual_frames: list[FrameScored]
) -> None:
    quiet = worst(reference, usual_frames)
    assert max(quiet.values()) < 1, quiet
    dark = worst(reference, live(repository, line, lambda image: (image * 0.35).astype(np.uint8)))
    assert dark["image statistics"] >= 1
    assert dark["detections"] >= 1


def test_the_reference_is_replayed_and_shown(
    repository: ModelRepository,
    line: Line,
    published: tuple[Manifest, Baseline],
    reference: Reference,
    usual_frames: list[FrameScored],
) -> None:
    assert held_out(*published, reference, BUDGET, 2, 8).camera_months > 0
    standard = Standards(repository, "small", Policy())("1")
    assert (standard.unjudged, standard.reference is not None) == ("", True)
    baseline = published[1]
    layout, frames = Layout(baseline), usual_frames[:5]
    assert layout.columns[-4:] == ("objects of bright", "objects of dark", "mean doubt", "mean share")
    (rows, left_out), known = layout.live([*frames, line.frame("cam", usual())]), layout.reference(baseline)
    assert (len(rows), left_out, len(known)) == (5, 1, REFERENCE)
    assert rows.values[0, -4:] == pytest.approx(np.float32(reference.layout.row(frames[0])[-4:]))
    assert baseline.answers is not None
    assert np.array_equal(known.values[:, -4:].astype(np.float32), baseline.answers)
    assert reference_answers(baseline).truth == ()


def test_a_frame_is_taken_for_what_it_has_most_of(published: tuple[Manifest, Baseline]) -> None:
    assert isinstance(answers.of(published[1]), Boxes)
    said = np.log1p([[1.2, 0.4, 0, 0], [0.2, 0.2, 0, 0], [0.3, 0.4, 0, 0], [0, 3, 0, 0]])
    assert Boxes(LABELS).group(said).tolist() == [0, 2, 1, 1]
    assert Boxes(LABELS).groups == (*LABELS, "nothing")


def test_a_frame_of_another_task_is_told(line: Line) -> None:
    classes = line.frame("cam", usual())
    assert isinstance(classes.prediction, Classification)
    with pytest.raises(IncompleteFrameError, match="finds objects"):
        Boxes(LABELS).row(classes)
    boxes = msgspec.structs.replace(classes, prediction=Detections((Box("a", 0, 0, 1, 1),)))
    with pytest.raises(IncompleteFrameError, match="tells classes"):
        Classes(LABELS).row(boxes)


def test_a_baseline_of_another_task_is_not_published(published: tuple[Manifest, Baseline], tmp_path: Path) -> None:
    manifest, baseline = published
    with pytest.raises(VersionError, match="the task is 'classification', and its baseline is that of another"):
        ModelRepository(str(tmp_path)).publish(msgspec.structs.replace(manifest, task="classification"), b"model", baseline)
