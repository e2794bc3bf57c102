"""What a version's frames bring to a video camera's minutes."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts.manifest import FileEntry, InputSpec, Lineage, Manifest
from contracts.predictions import Box, Detections
from contracts.repository import ModelRepository
from contracts.statistics import NUMERIC
from monitor.items.answers import IncompleteFrameError
from monitor.policy import Policy
from monitor.standard import Standard, Standards
from monitor.video.plan import plan
from tests.composed import composed, jpeg
from tests.monitor_line import Line, usual
from tests.small_detector import publish_small_detector

DETECTOR = Manifest(
    model="m", version="1", created_at=0.0, task="detection", labels=("a",), input=InputSpec("x", 8, 8), boxes="b", embedding="e",
    lineage=Lineage("import"), files={"model.onnx": FileEntry("5" * 64, 1)},
)  # fmt: skip


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    return Line(tmp_path_factory.mktemp("line"))


def test_a_detectors_boxes_are_watched_beside_its_image(line: Line) -> None:
    its = plan(Standard(DETECTOR, None, "no baseline"), 1.0)
    boxes = (Box("a", 0, 0, 48, 48, 0.9), Box("a", 0, 0, 24, 24, 0.5))
    frame = msgspec.structs.replace(line.frame("cam", usual()), prediction=Detections(boxes))
    values = its.features(np.array([its.row(frame)], np.float32))[0]
    assert [judged.aspect.name for judged in its.judged] == ["image", "answers"]
    assert its.judged[1].aspect.features == ("objects a frame", "box doubt", "box area")
    assert values[-3:] == pytest.approx([1.4, (0.09 + 0.25) / 1.4, (0.9 * 0.25 + 0.5 * 0.0625) / 1.4], rel=1e-5)
    empty = msgspec.structs.replace(frame, prediction=Detections(()))
    assert its.row(empty)[-3:] == [0.0, 0.0, 0.0]


def test_a_detectors_embedding_is_watched_where_its_baseline_has_one(line: Line, tmp_path: Path) -> None:
    publish_small_detector(str(tmp_path), contents=[jpeg(one.image) for one in composed(96, seed=1)])
    standard = Standards(ModelRepository(str(tmp_path)), "small", Policy())("1")
    assert standard.reference is not None
    axes = standard.reference.layout.axes
    its = plan(standard, 1.0)
    assert [judged.aspect.name for judged in its.judged] == ["image", "answers", "embedding", "kernel"]
    place = tuple(float(value) for value in np.linspace(-1, 1, axes))
    boxes = (Box("bright", 0, 0, 48, 48, 0.9), Box("dark", 0, 0, 24, 24, 0.5))
    frame = msgspec.structs.replace(line.frame("cam", usual()), prediction=Detections(boxes), embedding=place)
    values = its.features(np.array([its.row(frame)], np.float32))[0]
    columns = {judged.aspect.name: judged.columns for judged in its.judged}
    assert values[columns["answers"]] == pytest.approx([1.4, (0.09 + 0.25) / 1.4, (0.9 * 0.25 + 0.5 * 0.0625) / 1.4], rel=1e-5)
    assert values[columns["embedding"]] == pytest.approx(place, abs=1e-6)
    assert columns["kernel"].stop == len(values)
    with pytest.raises(IncompleteFrameError):
        its.row(msgspec.structs.replace(frame, embedding=()))


def test_a_detector_that_sends_classes_is_told(line: Line) -> None:
    with pytest.raises(IncompleteFrameError):
        plan(Standard(DETECTOR, None), 1.0).row(line.frame("cam", usual()))


def test_without_a_usable_baseline_the_image_is_watched_alone(line: Line) -> None:
    its = plan(Standard(None, None, "damaged"), 1.0)
    values = its.features(np.array([its.row(line.frame("cam", usual()))], np.float32))
    assert values.shape == (1, len(NUMERIC))
    assert [judged.aspect.name for judged in its.judged] == ["image"]


def test_a_night_darker_than_the_baseline_is_seen_as_dark_as_it_is(line: Line) -> None:
    its = plan(Standards(ModelRepository(line.url), "small", Policy())("1"), 1.0)
    frame = line.frame("cam", usual())
    row = its.row(frame)
    row[NUMERIC.index("luma_mean")] = 0.5
    values = its.features(np.array([row], np.float32))[0]
    assert values[its.judged[0].columns][NUMERIC.index("luma_mean")] == 0.5
    assert [judged.aspect.name for judged in its.judged] == ["image", "answers", "embedding", "kernel"]
    assert its.judged[-1].columns.stop == len(values)
