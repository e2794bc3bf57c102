"""Surgery on ONNX graphs: a new linear head on the embedding, uint8 frames in front, an inner tensor made an output.

A version's graph takes uint8 RGB frames [N, H, W, 3] and answers `scores` and `embedding`; these functions make such a graph out of another one and
leave every other node as it is. They change copies, check the result and know nothing of training.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import onnx
import onnx.compose
import onnx.inliner
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contracts.errors import VersionError
from retrain.models.head import Head

IMAGE: Final = "image"
SCORES: Final = "scores"
BOXES: Final = "boxes"
EMBEDDING: Final = "embedding"
PREFIX: Final = "imported/"
"""Before every name of an imported graph, so that ours are free."""
MIN_OPSET: Final = 13
"""From 13 on ReduceSum, Squeeze and Softmax mean what this module writes."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How RGB frames become the graph's input: colour, then (pixel * scale - mean) / std per channel, then layout."""

    color: Literal["rgb", "bgr", "gray"]
    layout: Literal["nchw", "nhwc"]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


def read(content: bytes, where: str) -> onnx.ModelProto:
    """The graph in `content`, self-contained and valid. Raises VersionError naming `where` and the reason."""
    try:
        model = onnx.load_from_string(content)
    except Exception as error:  # protobuf's own error class differs between its implementations
        raise VersionError(f"{where} is not an ONNX model: {error}") from error
    if model.functions:  # operators defined in the file itself, which serving does not take
        model = onnx.inliner.inline_local_functions(model)
    outside = [tensor.name for tensor in _tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    if outside:
        raise VersionError(
            f"{where} keeps {len(outside)} tensors in a file beside it (the first is {outside[0]!r}): a version is one self-contained file; "
            "export again with the weights inside (torch.onnx.export(..., external_data=False))"
        )
    return checked(model, where)


def checked(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """`model`, if the ONNX checker with shape inference accepts it. Raises VersionError with the checker's words."""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # ValidationError, or a bare error of shape inference
        raise VersionError(f"{where} is refused by the ONNX checker: {str(error).strip().splitlines()[0]}") from error
    return model


def encode(model: onnx.ModelProto) -> bytes:
    """The bytes of a graph: the same graph, the same bytes."""
    return bytes(model.SerializeToString(deterministic=True))


def opset(model: onnx.ModelProto) -> int:
    """The version of the standard operator set that the graph uses; 0 when it uses none."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=0)


def with_head(model: onnx.ModelProto, embedding: str, scores: str, head: Head) -> onnx.ModelProto:
    """`model` with its output `scores` (new where there was none) computed by one Gemm on its output `embedding`; what only the old scores needed goes."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    _drop_output(graph, scores)
    _rename(graph, scores, f"{scores}_before")
    _prune(graph)
    weight, bias = _fresh(graph, "head_weight"), _fresh(graph, "head_bias")
    graph.initializer.extend([numpy_helper.from_array(head.weight, weight), numpy_helper.from_array(head.bias, bias)])
    graph.node.append(helper.make_node("Gemm", [embedding, weight, bias], [scores], name=_fresh(graph, "head"), transB=1))
    batch = next(output for output in graph.output if output.name == embedding).type.tensor_type.shape.dim[0].dim_param or "N"
    graph.output.insert(0, helper.make_tensor_value_info(scores, TensorProto.FLOAT, [batch, len(head.bias)]))
    return checked(result, "the graph with the new head")


def with_outputs(model: onnx.ModelProto, scores: str, embedding: str, classes: int, width: int, flatten: bool) -> onnx.ModelProto:
    """`model` with exactly two outputs, SCORES [N, classes] and EMBEDDING [N, width], which are its tensors `scores` and `embedding`."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    graph.node.append(helper.make_node("Identity", [scores], [SCORES]))
    shown = (
        helper.make_node("Flatten", [embedding], [EMBEDDING], axis=1)
        if flatten
        else helper.make_node("Identity", [embedding], [EMBEDDING])
    )
    graph.node.append(shown)
    shown_as = ((SCORES, classes), (EMBEDDING, width))
    return with_only(result, [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size]) for name, size in shown_as])


def with_only(model: onnx.ModelProto, outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
    """`model` with exactly these outputs, tensors of its own; what none of them needs goes."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    del result.graph.output[:]
    result.graph.output.extend(outputs)
    _prune(result.graph)
    return checked(result, "the graph with its embedding exposed")


def with_tensor(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`model` answering, after its own outputs, the float tensor `name` too, of whatever shape."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    if all(output.name != name for output in result.graph.output):
        result.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return result


def with_frames(model: onnx.ModelProto, height: int, width: int, how: Preprocessing) -> onnx.ModelProto:
    """`model` (one float32 input of four dimensions) taking uint8 RGB frames IMAGE [N, height, width, 3] instead."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    taken = data_inputs(model)[0].name
    nodes, tensors, at = [helper.make_node("Cast", [IMAGE], ["frame_float"], to=TensorProto.FLOAT)], [], "frame_float"

    def then(operator: str, name: str, constant: NDArray[np.generic] | None = None, **attributes: Any) -> None:
        nonlocal at
        inputs = [at]
        if constant is not None:
            tensors.append(numpy_helper.from_array(constant, f"frame_{name}_constant"))
            inputs.append(f"frame_{name}_constant")
        nodes.append(helper.make_node(operator, inputs, [f"frame_{name}"], **attributes))
        at = f"frame_{name}"

    if how.color == "bgr":
        then("Gather", "bgr", np.array([2, 1, 0], dtype=np.int64), axis=3)
    if how.color == "gray":
        then("MatMul", "gray", np.array([[0.299], [0.587], [0.114]], dtype=np.float32))  # Rec. 601, as in contracts/frames.py
    mean, std = np.asarray(how.mean, dtype=np.float64), np.asarray(how.std, dtype=np.float64)
    then("Mul", "scaled", (how.scale / std).astype(np.float32))
    then("Add", "normalised", (-mean / std).astype(np.float32))
    if how.layout == "nchw":
        then("Transpose", "laid_out", perm=[0, 3, 1, 2])
    nodes.append(helper.make_node("Identity", [at], [taken]))
    kept = [value for value in graph.input if value.name != taken]
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["N", height, width, 3]))
    graph.input.extend(kept)
    graph.initializer.extend(tensors)
    _put_first(graph, nodes)
    return checked(result, "the graph with its preprocessing inside")


def data_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs a caller feeds; weights listed as inputs are not."""
    stored = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in stored]


def makers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """The node that makes each tensor."""
    return {name: node for node in model.graph.node for name in node.output if name}


def prefixed(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with every name moved aside, so that ours are free."""
    return onnx.compose.add_prefix(model, PREFIX)


def _tensors(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    inside = [a.t for node in model.graph.node for a in node.attribute if a.type == onnx.AttributeProto.TENSOR]
    return [*model.graph.initializer, *inside]


def _drop_output(graph: onnx.GraphProto, name: str) -> None:
    kept = [output for output in graph.output if output.name != name]
    del graph.output[:]
    graph.output.extend(kept)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """The tensor `old` under another name wherever it is made or used, so that the output may take its name."""
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in graph.value_info:
        value.name = new if value.name == old else value.name


def _prune(graph: onnx.GraphProto) -> None:
    """Remove nodes and weights from which no output is computed. Inputs of nested graphs count as used."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed.update(node.input)
            needed.update(name for inner in _nested(node) for name in inner.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    inputs = [value for value in graph.input if value.name in needed]
    del graph.input[:]
    graph.input.extend(inputs)
    del graph.value_info[:]  # shapes of removed tensors would refer to nothing; they are inferred again


def _nested(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    inner = [child for a in node.attribute if a.type == onnx.AttributeProto.GRAPH for child in a.g.node]
    return inner + [deeper for child in inner for deeper in _nested(child)]


def _put_first(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])


def _fresh(graph: onnx.GraphProto, name: str) -> str:
    """`name`, or the first of name_2, name_3, … that no tensor or node has."""
    taken = {tensor.name for tensor in graph.initializer} | {
        name for node in graph.node for name in (*node.input, *node.output, node.name)
    }
    candidates = [name, *(f"{name}_{number}" for number in range(2, 1000))]
    return next(free for free in candidates if free not in taken)
