"""Finding the picture, the scores and the embedding in graphs as frameworks export them, and refusing the others by name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.errors import VersionError
from retrain.models import anatomy

WEIGHT = np.ones((6, 3), dtype=np.float32)


def model(
    *nodes: onnx.NodeProto,
    shape: tuple[object, ...] = ("N", 3, 8, 8),
    kind: int = TensorProto.FLOAT,
    outputs: tuple[str, ...] = ("y",),
) -> onnx.ModelProto:
    made = helper.make_graph(
        list(nodes),
        "classifier",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [
            numpy_helper.from_array(WEIGHT, "w"),
            numpy_helper.from_array(WEIGHT.T.copy(), "wt"),
            numpy_helper.from_array(np.zeros(3, np.float32), "b"),
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


POOL = (helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["e"]))


@pytest.mark.parametrize(
    ("tail", "logits", "activation"),
    [
        ([helper.make_node("Gemm", ["e", "w", "b"], ["y"])], "y", "none"),
        ([helper.make_node("Gemm", ["e", "w", "b"], ["l"]), helper.make_node("Softmax", ["l"], ["y"])], "l", "Softmax"),
        ([helper.make_node("Gemm", ["e", "w", "b"], ["l"]), helper.make_node("LogSoftmax", ["l"], ["y"])], "l", "LogSoftmax"),
        ([helper.make_node("MatMul", ["e", "w"], ["y"])], "y", "none"),
        ([helper.make_node("MatMul", ["e", "w"], ["m"]), helper.make_node("Add", ["b", "m"], ["y"])], "y", "none"),
        (
            [
                helper.make_node("Transpose", ["wt"], ["turned"]),
                helper.make_node("MatMul", ["e", "turned"], ["m"]),
                helper.make_node("Add", ["m", "b"], ["l"]),
                helper.make_node("Softmax", ["l"], ["s"]),
                helper.make_node("Identity", ["s"], ["y"]),
            ],
            "l",
            "Softmax",
        ),
    ],
)
def test_the_head_is_found(tail: list[onnx.NodeProto], logits: str, activation: str) -> None:
    found = anatomy.head(model(*POOL, *tail))
    assert (found.scores, found.logits, found.embedding, found.activation) == ("y", logits, "e", activation)


def test_of_two_outputs_the_linear_one_is_the_scores() -> None:
    assert anatomy.head(model(*POOL, helper.make_node("Gemm", ["e", "w", "b"], ["y"]), outputs=("e", "y"))).scores == "y"


@pytest.mark.parametrize(
    ("tail", "outputs", "reason"),
    [
        ([helper.make_node("Relu", ["e"], ["y"])], ("y",), "made by Relu"),
        (
            [helper.make_node("Gemm", ["e", "w", "b"], ["l"]), helper.make_node("Sigmoid", ["l"], ["y"])],
            ("y",),
            "ends in a Sigmoid",
        ),
        ([helper.make_node("MatMul", ["e", "e"], ["y"])], ("y",), "made by MatMul"),
        ([helper.make_node("Gemm", ["e", "w", "b"], ["y"], transA=1)], ("y",), "transposes its input"),
        (
            [helper.make_node("NonMaxSuppression", ["e", "e"], ["y"])],
            ("y",),
            r"looks like a detector \(it uses NonMaxSuppression\)",
        ),
        (
            [helper.make_node("Identity", ["e"], [name]) for name in "abc"],
            ("a", "b", "c"),
            r"looks like a detector \(it has the outputs a, b, c\)",
        ),
    ],
)
def test_what_has_no_linear_head_is_refused(tail: list[onnx.NodeProto], outputs: tuple[str, ...], reason: str) -> None:
    with pytest.raises(VersionError, match=reason):
        anatomy.head(model(*POOL, *tail, outputs=outputs))


@pytest.mark.parametrize(
    ("shape", "channels", "layout", "size"),
    [
        (("N", 3, 8, 9), 3, "nchw", (8, 9)),
        (("N", 8, 9, 3), 3, "nhwc", (8, 9)),
        (("N", 1, 8, 9), 1, "nchw", (8, 9)),
        (("N", 3, "H", "W"), 3, "nchw", (0, 0)),
    ],
)
def test_the_picture_is_found(shape: tuple[object, ...], channels: int, layout: str, size: tuple[int, int]) -> None:
    found = anatomy.picture(model(*POOL, shape=shape), None, channels)
    assert (found.layout, (found.height, found.width)) == (layout, size)


def test_pictures_of_another_kind_are_refused() -> None:
    with pytest.raises(VersionError, match="takes 1 channels"):
        anatomy.picture(model(*POOL, shape=("N", 1, 8, 8)), None, 3)
    with pytest.raises(VersionError, match="is FLOAT16, only FLOAT"):
        anatomy.picture(model(*POOL, kind=TensorProto.FLOAT16), None, 3)
    with pytest.raises(VersionError, match="four dimensions are needed"):
        anatomy.picture(model(*POOL, shape=("N", 192)), None, 3)
    two = model(*POOL)
    two.graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["N"]))
    with pytest.raises(VersionError, match=r"2 inputs \(x, mask\)"):
        anatomy.picture(two, None, 3)


def test_sides_come_from_the_graph_or_the_caller() -> None:
    free, fixed = anatomy.Picture("x", "nchw", 3, 0, 0), anatomy.Picture("x", "nchw", 3, 8, 9)
    assert anatomy.size(free, 32, 48) == (32, 48)
    assert anatomy.size(fixed, None, 9) == (8, 9)
    with pytest.raises(VersionError, match="leaves the height of its input open"):
        anatomy.size(free, None, 32)
    with pytest.raises(VersionError, match="takes a width of 9, --width is 10"):
        anatomy.size(fixed, 8, 10)
