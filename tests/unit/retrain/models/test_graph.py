"""Surgery on small graphs, run before and after in ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.errors import VersionError
from retrain.models import graph
from retrain.models.head import Head


def run(model: onnx.ModelProto, feed: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(graph.encode(model), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: feed})


def version_graph(scores: bool = True) -> onnx.ModelProto:
    """uint8 frames [N, 4, 4, 3] to their 48 values, and three scores that only a layer of their own computes."""
    random = np.random.default_rng(0)
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["x"], ["embedding"], axis=1),
        helper.make_node("MatMul", ["embedding", "w"], ["scores"]),
    ]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 48])]
    if scores:
        outputs.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3]))
    made = helper.make_graph(
        nodes if scores else nodes[:2],
        "version",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 4, 4, 3])],
        outputs,
        [numpy_helper.from_array(random.normal(size=(48, 3)).astype(np.float32), "w")] if scores else [],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture
def head() -> Head:
    random = np.random.default_rng(1)
    return Head(random.normal(size=(5, 48)).astype(np.float32), random.normal(size=5).astype(np.float32))


@pytest.mark.parametrize("scores", [True, False])
def test_a_new_head_answers_and_the_embedding_is_untouched(head: Head, scores: bool) -> None:
    model = version_graph(scores)
    frames = np.random.default_rng(2).integers(0, 255, (7, 4, 4, 3), dtype=np.uint8)
    changed = graph.with_head(model, "embedding", "scores", head)
    before = run(model, frames)[0]
    after = dict(zip([o.name for o in changed.graph.output], run(changed, frames), strict=True))
    assert (after["embedding"] == before).all()
    assert np.abs(after["scores"] - head.logits(before)).max() < 1e-2
    assert "w" not in {tensor.name for tensor in changed.graph.initializer}
    assert [o.name for o in model.graph.output] == (["embedding", "scores"] if scores else ["embedding"])


def test_changing_the_head_again_leaves_nothing_of_the_first(head: Head) -> None:
    once = graph.with_head(version_graph(), "embedding", "scores", head)
    twice = graph.with_head(once, "embedding", "scores", head)
    assert graph.encode(once) == graph.encode(twice)


def float_graph(layout: str, channels: int) -> onnx.ModelProto:
    shape = ["N", channels, 4, 5] if layout == "nchw" else ["N", 4, 5, channels]
    made = helper.make_graph(
        [helper.make_node("Identity", ["input"], ["output"])],
        "float",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
def test_frames_come_in_as_the_model_was_trained(layout: str, color: str) -> None:
    channels = 1 if color == "gray" else 3
    mean, std = ((0.5,), (0.25,)) if channels == 1 else ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    how = graph.Preprocessing(color, layout, 1 / 255, mean, std)  # type: ignore[arg-type]  # the parameters are of the closed sets
    model = graph.with_frames(float_graph(layout, channels), 4, 5, how)
    frames = np.random.default_rng(3).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    x = frames.astype(np.float64) / 255
    x = x[..., ::-1] if color == "bgr" else (x @ [0.299, 0.587, 0.114])[..., None] if color == "gray" else x
    x = (x - mean) / std
    wanted = x.transpose(0, 3, 1, 2) if layout == "nchw" else x
    assert np.abs(run(model, frames)[0] - wanted).max() < 1e-5


def test_what_is_no_model_is_refused_by_name() -> None:
    with pytest.raises(VersionError, match=r"x\.onnx is not an ONNX model|x\.onnx is refused by the ONNX checker"):
        graph.read(b"hello, world", "x.onnx")


def test_weights_beside_the_file_are_refused() -> None:
    model = version_graph()
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    with pytest.raises(VersionError, match="keeps 1 tensors in a file beside it"):
        graph.read(model.SerializeToString(), "x.onnx")


def test_a_broken_graph_is_refused_with_the_checker_s_words() -> None:
    model = version_graph()
    model.graph.node[0].op_type = "Kast"
    with pytest.raises(VersionError, match="refused by the ONNX checker"):
        graph.read(model.SerializeToString(), "x.onnx")


def test_opset_and_inputs() -> None:
    model = version_graph()
    assert graph.opset(model) == 17
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [48, 3]))
    assert [value.name for value in graph.data_inputs(model)] == ["image"]


def test_functions_of_a_file_are_written_out() -> None:
    model = version_graph()
    frames = np.random.default_rng(4).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    before = run(model, frames)
    model.graph.node[2].op_type, model.graph.node[2].domain = "Scores", "of.this.file"
    body = [helper.make_node("MatMul", ["x", "y"], ["z"])]
    opset = helper.make_opsetid("", 17)
    model.functions.append(helper.make_function("of.this.file", "Scores", ["x", "y"], ["z"], body, [opset]))
    model.opset_import.append(helper.make_opsetid("of.this.file", 1))
    found = graph.read(graph.encode(model), "here")
    assert not found.functions
    assert {node.domain for node in found.graph.node} == {""}
    for mine, theirs in zip(run(found, frames), before, strict=True):
        assert np.array_equal(mine, theirs)
