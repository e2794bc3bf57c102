"""Finds its way in a stranger's detector: the rows of boxes that it answers, and the embedding behind them.

Graphs that answer [N, M, 6] are understood: a fixed number of rows a frame with left, top, right, bottom in pixels of the input, score and class, overlaps
already settled. Raw grids of anchors, and lists whose length depends on the picture, are refused with what to do.
"""

from dataclasses import dataclass

import onnx
from onnx import TensorProto

from contracts.detections import COLUMNS, MOST_ROWS
from contracts.errors import VersionError
from retrain.models import graph


@dataclass(frozen=True, slots=True)
class BoxHead:
    """The output with the boxes, its rows M, and the tensor that becomes the embedding: [N, D], or a map [N, D, h, w] to be averaged over space."""

    boxes: str
    rows: int
    embedding: str
    is_map: bool


def detects(model: onnx.ModelProto) -> bool:
    """Whether an output looks like boxes: three dimensions, the last of six."""
    return any(len(shape) == 3 and shape[2] == COLUMNS for shape in map(_shape, model.graph.output))


def box_head(model: onnx.ModelProto, height: int, width: int) -> BoxHead:
    """The boxes and the embedding of a graph that `detects`, its input of this size. Raises VersionError."""
    boxes = [value for value in model.graph.output if len(_shape(value)) == 3 and _shape(value)[2] == COLUMNS]
    if len(boxes) != 1:
        raise VersionError(
            f"{len(boxes)} outputs are rows of {COLUMNS} ({', '.join(one.name for one in boxes)}): only one can be the boxes"
        )
    rows = _shape(boxes[0])[1]
    if not 1 <= rows <= MOST_ROWS:
        raise VersionError(
            f"output {boxes[0].name!r} has {rows or 'a free number of'} rows a frame, expected a fixed number of at most {MOST_ROWS}: export with the best "
            "so many boxes, padded with rows of score 0"
        )
    flat = [one.name for one in model.graph.output if len(_shape(one)) == 2 and _is_float(one)]
    if len(flat) == 1:
        return BoxHead(boxes[0].name, rows, flat[0], False)
    return BoxHead(boxes[0].name, rows, _deepest_map(model, height, width), True)


def _deepest_map(model: onnx.ModelProto, height: int, width: int) -> str:
    """The feature map [N, D, h, w] of fewest cells, but more than one, of these the one with most channels, the last: what everything else rests on.

    A map of one cell is no map but a summary, as attention over channels makes them.
    """
    sized = onnx.ModelProto()
    sized.CopyFrom(model)
    dims = graph.data_inputs(sized)[0].type.tensor_type.shape.dim
    across = (2, 3) if dims[1].dim_value in (1, 3) or dims[3].dim_value not in (1, 3) else (1, 2)
    for at, size in zip(across, (height, width), strict=True):
        dims[at].dim_value = size
    found = {value.name: _shape(value) for value in onnx.shape_inference.infer_shapes(sized).graph.value_info if _is_float(value)}
    maps: list[tuple[int, int, int, str]] = []
    for place, node in enumerate(model.graph.node):
        for name in node.output:
            shape = found.get(name, ())
            if len(shape) == 4 and shape[1] > 1 and 1 < shape[2] * shape[3] < height * width:
                maps.append((shape[2] * shape[3], -shape[1], -place, name))
    if not maps:
        raise VersionError(
            "no feature map can be found to make the embedding of: export the graph with a second output [N, D], one vector a frame, "
            "such as the last feature map averaged over space"
        )
    return min(maps)[3]


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Its dimensions, 0 for those that are free; () where they are not known."""
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def _is_float(value: onnx.ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type == TensorProto.FLOAT)
