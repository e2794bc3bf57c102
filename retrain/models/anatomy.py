"""Finds its way in a stranger's classifier: the input that takes pictures, the scores, the logits behind them and the embedding that they are linear in.

Understands what training frameworks export: Gemm, or MatMul with an optional Add, then at most a Softmax, between operators that only reshape. Whatever
else it meets it refuses by name, because a wrong guess would be found out by the monitor's users.
"""

from dataclasses import dataclass
from typing import Final, Literal, cast

import onnx
from onnx import TensorProto

from contracts.errors import VersionError
from retrain.models import graph

_PASSING: Final = ("Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Cast")
"""Operators that may stand between the head and the scores without changing a value."""
_DETECTOR: Final = ("NonMaxSuppression", "RoiAlign", "TopK")


Activation = Literal["none", "Softmax", "LogSoftmax"]


@dataclass(frozen=True, slots=True)
class Picture:
    """The graph's input: its layout and, where the graph fixes them, its sides (0: free)."""

    name: str
    layout: Literal["nchw", "nhwc"]
    channels: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Head:
    """The tensors around the last linear layer. `activation` is what the graph's own scores are of `logits`."""

    scores: str
    logits: str
    embedding: str
    activation: Activation


def picture(model: onnx.ModelProto, layout: Literal["nchw", "nhwc"] | None, channels: int) -> Picture:
    """The one float32 input of four dimensions. `channels` is what the caller means to feed; raises VersionError when the graph takes something else."""
    inputs = graph.data_inputs(model)
    if len(inputs) != 1:
        raise VersionError(f"the graph has {len(inputs)} inputs ({', '.join(v.name for v in inputs)}); only one picture can be fed")
    value = inputs[0]
    tensor = value.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(tensor.elem_type)
        raise VersionError(
            f"input {value.name!r} is {kind}, only FLOAT is supported: export in float32, without preprocessing inside"
        )
    if not tensor.HasField("shape") or len(tensor.shape.dim) != 4:
        shape = [d.dim_param or d.dim_value for d in tensor.shape.dim] if tensor.HasField("shape") else "unknown"
        raise VersionError(f"input {value.name!r} has the shape {shape}; four dimensions are needed, a batch of pictures")
    sides = [dim.dim_value for dim in tensor.shape.dim]
    found = layout or ("nhwc" if sides[3] in (1, 3) and sides[1] not in (1, 3) else "nchw")
    c, h, w = (sides[1], sides[2], sides[3]) if found == "nchw" else (sides[3], sides[1], sides[2])
    if c not in (0, channels):
        raise VersionError(
            f"input {value.name!r} takes {c} channels ({found}), with this --color there are {channels}: use --color gray for 1, rgb or bgr for 3, "
            "and --layout if the graph has its channels elsewhere"
        )
    return Picture(value.name, found, channels, h, w)


def size(found: Picture, height: int | None, width: int | None) -> tuple[int, int]:
    """Height and width to prepare frames to. Raises VersionError when neither the graph nor the caller says, or they disagree."""
    sides = []
    for name, fixed, asked in (("height", found.height, height), ("width", found.width, width)):
        if not fixed and not asked:
            raise VersionError(f"the graph leaves the {name} of its input open: say it with --{name}")
        if fixed and asked and fixed != asked:
            raise VersionError(f"the graph takes a {name} of {fixed}, --{name} is {asked}")
        sides.append(fixed or asked or 0)
    return sides[0], sides[1]


def head(model: onnx.ModelProto) -> Head:
    """The last linear layer. Raises VersionError, naming the operator met, when there is none that can be exposed."""
    made = graph.makers(model)
    detectors = sorted({node.op_type for node in model.graph.node} & set(_DETECTOR))
    outputs = [output.name for output in model.graph.output]
    if detectors or len(outputs) > 2:
        why = f"it uses {', '.join(detectors)}" if detectors else f"it has the outputs {', '.join(outputs)}"
        raise VersionError(f"this looks like a detector ({why}), and no output is boxes [N, M, 6]: see docs/detection.md")
    # Of two outputs, one may be the embedding already: the scores are the one that a linear layer or a softmax makes.
    reasons = []
    for name in outputs:
        try:
            return _behind(model, made, name)
        except VersionError as error:
            reasons.append(str(error))
    raise VersionError("; ".join(reasons))


def _behind(model: onnx.ModelProto, made: dict[str, onnx.NodeProto], scores: str) -> Head:
    weights = {tensor.name for tensor in model.graph.initializer} | {
        n.output[0] for n in model.graph.node if n.op_type == "Constant"
    }
    at, activation = _through(made, scores), "none"
    if (node := made.get(at)) is not None and node.op_type in ("Softmax", "LogSoftmax"):
        at, activation = _through(made, node.input[0]), node.op_type
        node = made.get(at)
    logits = at
    if node is not None and node.op_type == "Add":
        inner = [name for name in node.input if name not in weights]
        node = made.get(inner[0]) if len(inner) == 1 else node
    if node is None:
        raise VersionError(f"output {scores!r} is an input of the graph: nothing is computed")
    if node.op_type == "Sigmoid":
        raise VersionError(
            f"output {scores!r} ends in a Sigmoid: export two logits for two classes; independent labels are not supported yet"
        )
    if node.op_type not in ("Gemm", "MatMul") or node.input[1] not in _reaching(made, weights, node.input[1]):
        raise VersionError(
            f"output {scores!r} is made by {node.op_type} ({node.name or 'without a name'}), not by a linear layer (Gemm, or MatMul and Add) on an "
            "embedding: export the float32 model with its classifier as the last layer"
        )
    if node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute):
        raise VersionError(f"the last layer ({node.name}) transposes its input: the embedding has no row a frame")
    return Head(scores, logits, node.input[0], cast(Activation, activation))


def _through(made: dict[str, onnx.NodeProto], name: str) -> str:
    """The tensor that `name` is, before operators that only pass it on."""
    while (node := made.get(name)) is not None and node.op_type in _PASSING:
        name = node.input[0]
    return name


def _reaching(made: dict[str, onnx.NodeProto], weights: set[str], name: str) -> set[str]:
    """`name` alone if it is a weight, directly or through transposition and the like; nothing otherwise."""
    start = name
    while (
        name not in weights
        and (node := made.get(name)) is not None
        and node.op_type in ("Transpose", "Identity", "DequantizeLinear")
    ):
        name = node.input[0]
    return {start} if name in weights else set()
