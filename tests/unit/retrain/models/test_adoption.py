"""Strangers' graphs as versions: the same answers from raw frames."""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_sample_images

from contracts.errors import VersionError
from contracts.frames import Pixels
from contracts.manifest import InputSpec
from retrain.models import graph
from retrain.models.adoption import adopt
from retrain.models.calibrate import softmax
from retrain.models.session import Session

SPEC = InputSpec(graph.IMAGE, 12, 10)
IMAGENET = graph.Preprocessing("rgb", "nchw", 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def stranger(*tail: onnx.NodeProto, batch: object = "N") -> onnx.ModelProto:
    """A small network under names that a version uses too: `image` float [N, 3, 12, 10], a convolution, `embedding` [N, 5], then `tail` to `scores`."""
    random = np.random.default_rng(0)
    weights = {"kernel": (5, 3, 3, 3), "weight": (5, 4), "bias": (4,)}
    made = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "kernel"], ["map"]),
            helper.make_node("Relu", ["map"], ["active"]),
            helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["embedding"]),
            *tail,
        ],
        "stranger",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 12, 10])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 4])],
        [numpy_helper.from_array(random.normal(size=shape).astype(np.float32), name) for name, shape in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def gemm(to: str) -> onnx.NodeProto:
    return helper.make_node("Gemm", ["embedding", "weight", "bias"], [to])


@pytest.fixture(scope="module")
def frames() -> list[Pixels]:
    photograph = load_sample_images().images[1]
    return [cv2.resize(photograph[20 * i : 20 * i + 120, 40 * i : 40 * i + 100], (10, 12)) for i in range(8)]


def original(model: onnx.ModelProto, frames: list[Pixels], how: graph.Preprocessing) -> np.ndarray:
    x = np.stack(frames)[..., ::-1] if how.color == "bgr" else np.stack(frames)
    x = ((x * how.scale - np.array(how.mean)) / np.array(how.std)).transpose(0, 3, 1, 2).astype(np.float32)
    session = onnxruntime.InferenceSession(graph.encode(model), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["scores"], {"image": x})[0])


@pytest.mark.parametrize("activation", ["none", "Softmax", "LogSoftmax"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_raw_frames_get_the_answers_that_the_stranger_gave(frames: list[Pixels], activation: str, color: str) -> None:
    tail = [gemm("scores")] if activation == "none" else [gemm("logits"), helper.make_node(activation, ["logits"], ["scores"])]
    model, how = stranger(*tail), graph.Preprocessing(color, "nchw", 1 / 255, IMAGENET.mean, IMAGENET.std)  # type: ignore[arg-type]  # of the closed set
    embedding, scores = Session(adopt(model, SPEC, how, 4, frames), SPEC, graph.EMBEDDING, graph.SCORES).run(frames)
    answer = {"none": lambda x: x, "Softmax": softmax, "LogSoftmax": lambda x: np.log(softmax(x))}[activation](
        scores.astype(np.float64)
    )
    assert np.abs(answer - original(model, frames, how)).max() < 1e-4
    assert embedding.shape == (8, 5)
    weight, bias = (numpy_helper.to_array(tensor) for tensor in list(model.graph.initializer)[1:])
    assert np.abs(embedding @ weight + bias - scores).max() < 1e-4


def test_the_adopted_graph_is_a_version_s(frames: list[Pixels]) -> None:
    adopted = graph.read(adopt(stranger(gemm("scores")), SPEC, IMAGENET, 4, frames), "adopted")
    assert [value.name for value in graph.data_inputs(adopted)] == [graph.IMAGE]
    assert [output.name for output in adopted.graph.output] == [graph.SCORES, graph.EMBEDDING]


def test_another_number_of_classes_is_refused(frames: list[Pixels]) -> None:
    with pytest.raises(VersionError, match="scores 4 classes, --labels names 3"):
        adopt(stranger(gemm("scores")), SPEC, IMAGENET, 3, frames)


def test_a_fixed_batch_is_refused(frames: list[Pixels]) -> None:
    with pytest.raises(VersionError, match="does not run on a batch of 8 frames"):
        adopt(stranger(gemm("scores"), batch=1), SPEC, IMAGENET, 4, frames)


def test_scores_that_are_not_finite_are_refused(frames: list[Pixels]) -> None:
    how = graph.Preprocessing("rgb", "nchw", 3e38, IMAGENET.mean, IMAGENET.std)
    with pytest.raises(VersionError, match="not finite"):
        adopt(stranger(gemm("scores")), SPEC, how, 4, frames)
