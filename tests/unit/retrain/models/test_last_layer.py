"""The weights of a graph's last layer, however it was exported."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from contracts.errors import VersionError
from retrain.models import graph
from retrain.models.export import exported
from retrain.models.head import Head
from retrain.models.last_layer import last_layer, widened
from retrain.models.recipe import SMALL_CONV, find
from tests.small_pictures import LABELS, SIDE

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4) - 5
BIAS = np.array([1.0, -2.0, 0.5], dtype=np.float32)
EMBEDDING = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def made(*nodes: onnx.NodeProto, **tensors: np.ndarray) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 4])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])]
    initializers = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    return helper.make_model(helper.make_graph(list(nodes), "g", inputs, outputs, initializers))


@pytest.mark.parametrize(
    "model",
    [
        made(helper.make_node("Gemm", ["embedding", "w", "b"], ["scores"], transB=1), w=WEIGHT, b=BIAS),
        made(helper.make_node("Gemm", ["embedding", "w", "b"], ["scores"]), w=WEIGHT.T.copy(), b=BIAS),
        made(
            helper.make_node("Gemm", ["embedding", "w", "b"], ["scores"], alpha=2.0, beta=0.5, transB=1), w=WEIGHT / 2, b=BIAS * 2
        ),
        made(
            helper.make_node("MatMul", ["embedding", "w"], ["m"]),
            helper.make_node("Add", ["b", "m"], ["scores"]),
            w=WEIGHT.T.copy(),
            b=BIAS[None],
        ),
        made(
            helper.make_node("Transpose", ["w"], ["t"]),
            helper.make_node("MatMul", ["embedding", "t"], ["m"]),
            helper.make_node("Add", ["m", "b"], ["l"]),
            helper.make_node("Softmax", ["l"], ["scores"]),
            w=WEIGHT,
            b=BIAS,
        ),
        made(
            helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WEIGHT)),
            helper.make_node("Gemm", ["embedding", "w", "b"], ["scores"], transB=1),
            b=BIAS,
        ),
    ],
    ids=["gemm", "gemm-not-transposed", "gemm-scaled", "matmul-add", "transposed-softmax", "constant"],
)
def test_however_it_is_written_it_is_the_same_head(model: onnx.ModelProto) -> None:
    found = last_layer(model)
    assert found.logits(EMBEDDING) == pytest.approx(EMBEDDING @ WEIGHT.T + BIAS, abs=1e-5)


def test_without_a_bias_it_is_zero() -> None:
    model = made(helper.make_node("MatMul", ["embedding", "w"], ["scores"]), w=WEIGHT.T.copy())
    assert last_layer(model).bias.tolist() == [0.0, 0.0, 0.0]


def test_weights_that_are_computed_are_refused_by_name() -> None:
    model = made(
        helper.make_node("DequantizeLinear", ["q", "s"], ["w"]),
        helper.make_node("Gemm", ["embedding", "w"], ["scores"], transB=1),
        q=np.ones((3, 4), dtype=np.int8),
        s=np.array(0.5, dtype=np.float32),
    )
    with pytest.raises(VersionError, match=r"'w' is computed \(DequantizeLinear\)"):
        last_layer(model)


def test_of_our_own_exports_it_gives_the_network_s_head_back() -> None:
    network = find(SMALL_CONV).build("classification", LABELS, SIDE)
    head = Head(np.random.default_rng(1).standard_normal((10, 256)).astype(np.float32), np.arange(10, dtype=np.float32))
    network.put_head(head.weight, head.bias)  # type: ignore[attr-defined]
    found = last_layer(graph.read(exported(network), "ours"))
    assert (found.weight.tobytes(), found.bias.tobytes()) == (head.weight.tobytes(), head.bias.tobytes())


def test_a_wider_head_says_of_the_old_classes_what_it_said() -> None:
    wide = widened(Head(WEIGHT, BIAS), 5)
    assert (wide.logits(EMBEDDING)[:, :3] == Head(WEIGHT, BIAS).logits(EMBEDDING)).all()
    assert (wide.logits(EMBEDDING)[:, 3:] == 0).all()
