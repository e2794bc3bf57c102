"""The peak memory of a graph, measured in processes."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.errors import VersionError
from contracts.manifest import InputSpec
from retrain.gates.memory import peak_bytes

SPEC = InputSpec("image", 16, 16)
MIB = 2**20


def graph(weights: int, kind: int = TensorProto.UINT8) -> bytes:
    """Frames times a matrix of so many MiB."""
    width = 16 * 16 * 3
    matrix = numpy_helper.from_array(np.ones((width, weights * MIB // 4 // width), np.float32), "w")
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["scores"]),
    ]
    image = helper.make_tensor_value_info("image", kind, ["N", 16, 16, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", None])
    made = helper.make_graph(nodes, "g", [image], [scores], [matrix])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_larger_graph_takes_more_by_what_it_is_larger_and_the_same_one_as_much_again() -> None:
    small, again, large = peak_bytes(graph(1), SPEC), peak_bytes(graph(1), SPEC), peak_bytes(graph(41), SPEC)
    assert abs(small - again) < MIB
    assert 36 * MIB < large - small < 140 * MIB


def test_a_graph_that_does_not_answer_is_told_by_its_own_words() -> None:
    with pytest.raises(VersionError, match=r"ended with status 1: .*Unexpected input data type"):
        peak_bytes(graph(1, TensorProto.FLOAT), SPEC)
    with pytest.raises(VersionError, match="cannot load the graph"):
        peak_bytes(b"no graph", SPEC)
