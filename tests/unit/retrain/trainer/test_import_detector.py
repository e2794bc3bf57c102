"""`keepsight import-model` of a stranger's detector: what is published, measured and kept, and what is refused with which reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts import box_statistics, frames
from contracts.detections import detections, way
from contracts.predictions import BoxesTruth
from contracts.repository import ModelRepository
from retrain.data.dataset import Datasets
from retrain.labels.formats import coco, yolo
from retrain.labels.formats.labelled import Labelled
from retrain.trainer import import_model
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests.composed import Composed, composed, jpeg
from tests.small_detector import LABELS, ROWS, SIDE, blob_onnx, run_blobs

COUNT = 80
Edit = Callable[[onnx.ModelProto], None]


def foreign(edit: Edit = lambda _: None, embedding: bool = False) -> bytes:
    """The blob detector as a framework exports one: float pictures [N, 3, 64, 64] of 0 to 1, boxes, and where asked an embedding."""
    model = onnx.load_from_string(blob_onnx())
    first, second, *rest = list(model.graph.node)
    assert (first.op_type, second.op_type) == ("Cast", "Transpose")
    del model.graph.node[:]
    model.graph.node.extend([helper.make_node("Mul", ["pixels", "levels"], ["nchw"]), *rest])
    model.graph.initializer.append(numpy_helper.from_array(np.array(255.0, np.float32), "levels"))
    del model.graph.input[:]
    model.graph.input.append(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, SIDE, SIDE]))
    if not embedding:
        del model.graph.output[1]
    edit(model)
    return bytes(model.SerializeToString())


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder of pictures, and what is in them as COCO and as YOLO."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    said = []
    for number, one in enumerate(made()):
        (pictures / f"frame {number}.jpg").write_bytes(jpeg(one.image))
        said.append(Labelled(picture=f"frame {number}.jpg", truth=BoxesTruth(one.boxes), size=(160, 120)))
    (tmp_path / "boxes.json").write_bytes(coco.write(said, LABELS))
    for name, content in yolo.write(said, LABELS).items():
        path = tmp_path / "yolo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def made() -> list[Composed]:
    return composed(COUNT, seed=5, labels=("bright",))


def brought(house: Path, content: bytes, *more: str, labels: str = ",".join(LABELS), model: str = "doors") -> int:
    (house / "model.onnx").write_bytes(content)
    stores = ["--repository", str(house / "repository"), "--frame-store", str(house / "frames")]
    arguments = [str(house / "model.onnx"), "--name", model, "--labels", labels, "--reference", str(house / "pictures")]
    return import_model.main([*arguments, "--fit", "letterbox", *stores, *more])


def test_a_detector_is_published_with_what_it_finds_and_what_is_true(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert brought(house, foreign(), "--boxes", str(house / "boxes.json"), "--threshold", "0.3") == 0
    told = capsys.readouterr().out
    version = ModelRepository(str(house / "repository")).read("doors", "1")
    manifest, baseline = version.manifest, version.baseline
    assert (manifest.task, manifest.boxes, manifest.labels, manifest.threshold) == ("detection", "boxes", LABELS, 0.3)
    assert manifest.detection is not None
    assert 0.05 < manifest.detection.map50.value < 1
    assert f"average precision at IoU 0.5 {manifest.detection.map50.value:.3f}" in told
    assert baseline.centre.shape == (3,)  # the 8 x 8 map of colours, averaged over space
    rows, _ = run_blobs(blob_onnx(), np.stack([frames.see(jpeg(one.image), manifest.input) for one in made()]))
    there = way(frames.inspect(jpeg(made()[0].image)), manifest.input)
    found = [detections(each, LABELS, there) for each in rows]
    wanted = np.array([box_statistics.vector(one, LABELS, 160, 120) for one in found if one is not None])
    assert baseline.answers is not None
    assert np.abs(baseline.answers - wanted).max() < 1e-3
    assert version.golden is not None
    assert open_served(version, Runtime(How("cpu", 4))).shape == (ROWS, 6)  # golden frames and all
    dataset = Datasets(str(house / "frames"), "doors").get(manifest.lineage.dataset)
    assert [item.truth for item in dataset.items] == [BoxesTruth(one.boxes) for one in made()]
    assert {(item.width, item.height) for item in dataset.items} == {(160, 120)}
    assert {item.set for item in dataset.items} == {"train", "validation", "gate"}
    assert brought(house, foreign(embedding=True), "--boxes", str(house / "yolo"), "--threshold", "0.3") == 0
    again = ModelRepository(str(house / "repository")).read("doors", "2")
    assert again.manifest.detection == manifest.detection  # the same truth, whichever file tells it
    assert again.baseline.centre.shape == (3 * (SIDE // 8) ** 2,)  # its own embedding
    assert "The champion is still version 1." in capsys.readouterr().out


def test_without_boxes_there_is_no_benchmark_and_no_dataset(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert brought(house, foreign()) == 0
    manifest = ModelRepository(str(house / "repository")).manifest("doors", "1")
    assert (manifest.detection, manifest.lineage.dataset) == (None, "")
    assert "benchmark  none: without --boxes" in capsys.readouterr().out


def test_pictures_with_wrong_boxes_are_left_out_by_name(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [Labelled(picture=f"frame {n}.jpg", truth=BoxesTruth(one.boxes), size=(160, 120)) for n, one in enumerate(made())]
    boxes = coco.write([*said, Labelled(picture="gone.jpg", truth=said[0].truth)], LABELS).replace(
        b'"name":"bright"', b'"name":"bird"'
    )
    (house / "boxes.json").write_bytes(boxes)
    assert brought(house, foreign(), "--boxes", str(house / "boxes.json")) == 2
    told = capsys.readouterr().err
    assert "pictures can be used, at least 64 are needed" in told
    assert "labelled wrongly: box 1 (bird) is of none of the model's classes" in told
    assert "1 labelled, but not in the folder (gone.jpg)" in told


def column(place: int, values: Callable[[str], onnx.NodeProto]) -> Edit:
    """Put something between the making of a column and the boxes."""
    name = f"{('x1', 'y1', 'x2', 'y2', 'score', 'class')[place]} column"

    def edit(model: onnx.ModelProto) -> None:
        at = next(k for k, node in enumerate(model.graph.node) if node.output[0] == "boxes")
        last = model.graph.node[at]
        model.graph.node.insert(at, values(name))
        last.input[place] = f"other {name}"

    return edit


def times(factor: float) -> Callable[[str], onnx.NodeProto]:
    return lambda name: helper.make_node(
        "Mul", [name, "zero" if not factor else "full" if factor > 1 else "middle"], [f"other {name}"]
    )


def shares(model: onnx.ModelProto) -> None:
    model.graph.node[-1].output[0] = "in pixels"
    sides = np.array([1 / SIDE] * 4 + [1, 1], np.float32)
    model.graph.initializer.append(numpy_helper.from_array(sides, "sides"))
    model.graph.node.append(helper.make_node("Mul", ["in pixels", "sides"], ["boxes"]))


def free(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "found"


def turned(model: onnx.ModelProto) -> None:
    last = model.graph.node[-1]
    last.input[0], last.input[2] = last.input[2], last.input[0]


def logits(model: onnx.ModelProto) -> None:
    column(4, times(80))(model)


@pytest.mark.parametrize(
    ("edit", "labels", "reason"),
    [
        (shares, "bright,dark", "these look like shares of the sides, corners in pixels of the input are needed"),
        (logits, "bright,dark", "expected scores of 0 to 1: the order is left, top, right, bottom, score, class"),
        (column(4, times(0)), "bright,dark", "finds nothing (no score above 0.05) on any reference frame"),
        (lambda _: None, "bright", "expected classes of 0 to 0: name each class in --labels"),
        (column(5, times(0.5)), "bright,dark", "the sixth column goes from 0 to 0.5"),
        (turned, "bright,dark", "boxes are inside out"),
        (free, "bright,dark", "has a free number of rows a frame, expected a fixed number of at most 1000"),
    ],
    ids=["shares", "logits", "nothing", "labels", "classes", "inside out", "free rows"],
)
def test_what_serving_could_not_read_is_refused(
    house: Path, capsys: pytest.CaptureFixture[str], edit: Edit, labels: str, reason: str
) -> None:
    assert brought(house, foreign(edit), labels=labels) == 2
    assert reason in capsys.readouterr().err
    assert ModelRepository(str(house / "repository")).versions("doors") == []


def test_options_of_the_other_task_are_refused(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert brought(house, foreign(), "--positive", "dark") == 2
    assert "--positive is a classifier's" in capsys.readouterr().err
    assert brought(house, foreign(), "--threshold", "1") == 2
    assert "--threshold is 1, expected between 0 and 1" in capsys.readouterr().err
    assert brought(house, foreign(), "--boxes", str(house / "none.json")) == 2
    assert "none.json cannot be read" in capsys.readouterr().err
