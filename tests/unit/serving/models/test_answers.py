"""A detector held ready: its boxes in pixels of the frame as sent, and everything that makes it unfit."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from contracts import frames as framing
from contracts.errors import VersionError
from contracts.manifest import InputSpec
from contracts.predictions import Detections
from contracts.quality_detection import match, overlap
from contracts.repository import ModelRepository, Version
from serving.models.acceptance import check_golden, check_input
from serving.models.runners import BoundRunner
from serving.models.runtime import How, Runtime, session_options
from serving.models.served import Served, open_served
from tests.composed import composed, jpeg
from tests.small_detector import ROWS, SIDE, blob_onnx, publish_small_detector, run_blobs

CPU = Runtime(How("cpu", 4))
MADE = composed(12, seed=8, width=321, height=241, labels=("bright",))
CONTENTS = [jpeg(one.image) for one in MADE]
HEADERS = [framing.inspect(content) for content in CONTENTS]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = str(tmp_path_factory.mktemp("repository"))
    publish_small_detector(folder)
    return ModelRepository(folder).read("small", "1")


def seen(spec: InputSpec) -> Any:
    return np.stack([framing.see(content, spec, header) for content, header in zip(CONTENTS, HEADERS, strict=True)])


def found(served: Served) -> list[Detections]:
    scores = served.score(seen(served.manifest.input), HEADERS, 0)
    predictions = [one.prediction for one in scores if one]
    assert len(predictions) == len(CONTENTS)
    return [one for one in predictions if isinstance(one, Detections)]


def test_blobs_are_found_where_the_objects_are(version: Version) -> None:
    """As far as blobs are digits: of the boxes that it is surest of most lie on one."""
    served = open_served(version, CPU)
    assert (served.shape, served.golden_frames) == ((ROWS, 6), 8)
    hits = sure = 0
    for one, prediction in zip(MADE, found(served), strict=True):
        assert all(0 <= box.x1 < box.x2 <= 321 and 0 <= box.y1 < box.y2 <= 241 for box in prediction.boxes)
        best = [box for box in prediction.boxes if box.label == "bright" and box.score > 0.5]
        sure += len(best)
        hits += sum(any(overlap(box, other) > 0.2 for other in one.boxes) for box in best)
    assert sure >= 8
    assert hits / sure > 0.7, (hits, sure)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("decode", ["full", "reduced"])
def test_all_ways_into_the_model_find_the_same_boxes(version: Version, fit: Any, decode: Any) -> None:
    spec = InputSpec("image", SIDE, SIDE, fit, decode)
    other = Version(msgspec.structs.replace(version.manifest, input=spec), version.model, version.baseline)
    assert version.manifest.input.fit == "letterbox"
    for mine, its in zip(found(open_served(version, CPU)), found(open_served(other, CPU)), strict=True):
        surest = [box for box in mine.boxes if box.score > 0.85]
        assert match(surest, its.boxes, iou=0.4 if fit == "letterbox" else 0.2).loss(0) < 1 or not surest


def test_a_frame_whose_rows_make_no_sense_has_no_answer_and_the_others_have(version: Version) -> None:
    served = open_served(version, CPU)
    rows, embedding = run_blobs(version.model, seen(version.manifest.input))
    rows[2, 0, 4] = np.nan
    embedding[4, 0] = np.inf
    served.run = lambda pixels, worker: (rows, embedding)  # type: ignore[method-assign]  # a model that fails on some frames
    scores = served.score(seen(version.manifest.input), HEADERS, 0)
    assert [index for index, one in enumerate(scores) if one is None] == [2, 4]


def test_batches_on_a_device_answer_as_one_by_one(version: Version) -> None:
    import onnxruntime as ort

    session = ort.InferenceSession(version.model, session_options(), providers=["CPUExecutionProvider"])
    bound = BoundRunner(session, version.manifest, (1, 2, 4), "cpu")
    pixels = seen(version.manifest.input)
    alone = open_served(version, CPU).run(pixels, 0)
    for mine, other in zip(bound.run(pixels), alone, strict=True):
        assert mine.shape == other.shape
        assert np.allclose(mine, other, atol=1e-4)


def _with(version: Version, model: bytes | None = None, **fields: Any) -> Version:
    return Version(msgspec.structs.replace(version.manifest, **fields), model or version.model, version.baseline, version.golden)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"boxes": "squares"}, "names the output 'squares', its graph gives \\['boxes', 'embedding'\\]"),
        ({"boxes": "embedding"}, "gives 'embedding' as \\['N', 192\\], expected \\[N, M, 6\\] with a fixed M of at most 1000"),
        ({"task": "classification", "scores": "boxes"}, "answers boxes \\(1, 20, 6\\)"),
        ({"input": InputSpec("image", 64, 32)}, "expected tensor\\(uint8\\)"),
    ],
)
def test_a_detector_that_is_not_what_its_manifest_says_is_refused(version: Version, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(VersionError, match=message):
        open_served(_with(version, **fields), CPU)


class _Open:
    """A session whose graph leaves the number of rows open, as one does that ends in non-maximum suppression."""

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="image", type="tensor(uint8)", shape=["N", SIDE, SIDE, 3])]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="boxes", shape=["N", "M", 6]), SimpleNamespace(name="embedding", shape=["N", 192])]


def test_a_number_of_rows_that_is_left_open_is_refused(version: Version) -> None:
    with pytest.raises(VersionError, match="with a fixed M"):
        check_input(version.manifest, _Open())


def test_a_detector_that_answers_its_golden_frames_otherwise_is_refused(version: Version) -> None:
    graph = onnx.load_from_string(version.model)
    weights = next(one for one in graph.graph.initializer if one.name == "luma weights")
    swapped = numpy_helper.to_array(weights)[:, [2, 0, 1]]  # the channels mixed up
    weights.CopyFrom(numpy_helper.from_array(swapped.copy(), "luma weights"))
    with pytest.raises(VersionError, match=r"does not answer its golden frames as it did .* a box of the class"):
        open_served(_with(version, graph.SerializeToString()), CPU)
    with pytest.raises(VersionError, match="does not answer its golden frames as it did"):
        open_served(_with(version, blob_onnx(rows=4)), CPU)  # of a frame's boxes only the best
    assert version.golden is not None
    without = replace(version, golden=replace(version.golden, boxes=None))
    with pytest.raises(VersionError, match="0 columns of boxes"):
        open_served(without, CPU)


def test_a_detector_in_half_precision_is_refused(version: Version) -> None:
    served = open_served(version, CPU)
    with pytest.raises(VersionError, match="nobody measured what half precision does to boxes"):
        check_golden(version, served._runners[0], "half")


def test_scores_that_no_frame_could_be_answered_by_are_found_before_any_is(version: Version) -> None:
    """A detector that answers logits as scores: without golden frames by noise, with them by what they are answered with."""
    graph = onnx.load_from_string(version.model)
    (clip,) = [node for node in graph.graph.node if node.op_type == "Clip"]
    clip.input[2] = "full"
    (division,) = [node for node in graph.graph.node if node.output[0] == "share"]
    division.input[1] = "one"
    unclipped = graph.SerializeToString()
    with pytest.raises(VersionError, match=r"its boxes of noise cannot be read: scores go from .* expected 0 to 1"):
        open_served(Version(version.manifest, unclipped, version.baseline), CPU)
    one_class = msgspec.structs.replace(version.manifest, labels=("bright",))
    with pytest.raises(VersionError, match="expected 0 to 1, and whole numbers of 0 to 0"):
        open_served(Version(one_class, version.model, version.baseline), CPU)
