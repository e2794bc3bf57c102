"""Reads the weights of a graph's last linear layer, from which a network is trained on."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from contracts.errors import VersionError
from retrain.models import anatomy, graph
from retrain.models.head import Head


def last_layer(model: onnx.ModelProto) -> Head:
    """The head of a graph whose scores are linear in its embedding. Raises VersionError where its weights do not lie open."""
    made = graph.makers(model)
    node = made[anatomy.head(model).logits]
    bias: NDArray[np.float32] = np.zeros(1, dtype=np.float32)
    if node.op_type == "Add":
        inner = next(name for name in node.input if name in made and made[name].op_type in ("Gemm", "MatMul"))
        bias = _value(model, made, next(name for name in node.input if name != inner))
        node = made[inner]
    how = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    weight = _value(model, made, node.input[1])
    weight = weight if how.get("transB") else weight.T
    if node.op_type == "Gemm":
        weight = weight * np.float32(how.get("alpha", 1.0))
        if len(node.input) > 2 and node.input[2]:
            bias = bias + _value(model, made, node.input[2]) * np.float32(how.get("beta", 1.0))
    whole = np.broadcast_to(bias.reshape(-1), (len(weight),))
    return Head(np.ascontiguousarray(weight, dtype=np.float32), np.array(whole, dtype=np.float32))


def widened(head: Head, classes: int) -> Head:
    """The head with so many classes: the old ones' rows as they are, the new ones' at zero."""
    more = classes - len(head.bias)
    return Head(np.pad(head.weight, ((0, more), (0, 0))), np.pad(head.bias, (0, more)))


def _value(model: onnx.ModelProto, made: dict[str, onnx.NodeProto], name: str) -> NDArray[np.float32]:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return np.asarray(numpy_helper.to_array(tensor), dtype=np.float32)
    node = made.get(name)
    if node is not None and node.op_type == "Constant":
        return np.asarray(numpy_helper.to_array(node.attribute[0].t), dtype=np.float32)
    if node is not None and node.op_type == "Identity":
        return _value(model, made, node.input[0])
    if node is not None and node.op_type == "Transpose":
        return _value(model, made, node.input[0]).T
    raise VersionError(
        f"the last layer's {name!r} is computed ({node.op_type if node else 'an input'}): its weights cannot be read"
    )
