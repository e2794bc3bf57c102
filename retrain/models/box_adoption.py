"""Turns a stranger's detector into a version's: its preprocessing inside, an embedding beside its boxes, and proof that it answers as before."""

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from contracts.detections import COLUMNS, FLOOR
from contracts.errors import VersionError
from contracts.frames import Pixels
from contracts.manifest import InputSpec
from retrain.models import graph
from retrain.models.adoption import fed
from retrain.models.box_anatomy import BoxHead, box_head
from retrain.models.box_rows import NEAR, farthest
from retrain.models.export import BATCHES
from retrain.models.session import Session

_SHARES: float = 2.0
"""Corners that never exceed it are shares of the sides, not pixels."""
Floats = NDArray[np.float32]


def adopt_boxes(model: onnx.ModelProto, spec: InputSpec, how: graph.Preprocessing, classes: int, pixels: list[Pixels]) -> bytes:
    """The version's graph, checked to find what `model` finds on real prepared frames. Raises VersionError with the reason."""
    found = box_head(model, spec.height, spec.width)
    x = fed(pixels, how)
    before = _rows(model, found, x)
    _check_rows(before, classes)
    moved = graph.prefixed(model)
    shown = _with_outputs(moved, found, _width(model, found, x))
    content = graph.encode(graph.with_frames(shown, spec.height, spec.width, how))
    session = Session(content, spec, graph.EMBEDDING, graph.BOXES)
    for size in BATCHES:
        after = np.concatenate([session.run(pixels[start : start + size])[1] for start in range(0, len(pixels), size)])
        worst = farthest(before, after, max(spec.height, spec.width))
        if not worst <= NEAR:
            raise VersionError(
                f"with its preprocessing inside the graph finds other boxes (off by {worst:.2g} of the input's side or of a score) in batches of {size}: "
                "nothing is published"
            )
    return content


def _with_outputs(model: onnx.ModelProto, found: BoxHead, width: int) -> onnx.ModelProto:
    """`model`, its names prefixed, with exactly two outputs, BOXES [N, M, 6] and EMBEDDING [N, D]."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    nodes, boxes, embedding = result.graph.node, f"{graph.PREFIX}{found.boxes}", f"{graph.PREFIX}{found.embedding}"
    if found.is_map:
        nodes.append(helper.make_node("GlobalAveragePool", [embedding], ["embedding_map"]))
        nodes.append(helper.make_node("Flatten", ["embedding_map"], [graph.EMBEDDING], axis=1))
    else:
        nodes.append(helper.make_node("Identity", [embedding], [graph.EMBEDDING]))
    nodes.append(helper.make_node("Identity", [boxes], [graph.BOXES]))
    shown = ((graph.BOXES, [found.rows, COLUMNS]), (graph.EMBEDDING, [width]))
    return graph.with_only(result, [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape]) for name, shape in shown])


def _rows(model: onnx.ModelProto, found: BoxHead, x: Floats) -> Floats:
    rows, embedding = _run(model, found, x)
    if rows.shape != (len(x), found.rows, COLUMNS) or len(embedding) != len(x):
        raise VersionError(f"the graph answers boxes {rows.shape} for {len(x)} frames, expected {(len(x), found.rows, COLUMNS)}")
    return rows


def _width(model: onnx.ModelProto, found: BoxHead, x: Floats) -> int:
    return int(_run(model, found, x[:1])[1].shape[1])


def _run(model: onnx.ModelProto, found: BoxHead, x: Floats) -> tuple[Floats, Floats]:
    """Boxes and the tensor of the embedding of the graph as it came. Raises VersionError when it does not run on a batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        content = graph.encode(graph.with_tensor(model, found.embedding))
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        rows, embedding = session.run([found.boxes, found.embedding], {graph.data_inputs(model)[0].name: x})
    except Exception as error:  # ONNX Runtime raises a dozen kinds of its own without a common base
        reason = str(error).strip().splitlines()[0]
        raise VersionError(
            f"the graph does not run on a batch of {len(x)} frames: {reason}. Export it with a free batch dimension"
        ) from error
    return rows, embedding


def _check_rows(rows: Floats, classes: int) -> None:
    """Raises VersionError where rows [N, M, 6] of reference frames are not what serving reads (contracts/detections.py)."""
    if not np.isfinite(rows).all():
        raise VersionError("the graph's boxes are not finite on the reference frames: check --scale, --mean and --std")
    scores = rows[:, :, 4]
    if scores.min() < 0 or scores.max() > 1 + 1e-4:
        raise VersionError(
            f"the fifth column goes from {scores.min():.3g} to {scores.max():.3g}, expected scores of 0 to 1: the order is left, top, right, bottom, score, "
            "class"
        )
    kept = rows[scores > FLOOR]
    if not len(kept):
        raise VersionError(
            f"the graph finds nothing (no score above {FLOOR:g}) on any reference frame: check --scale, --mean, --std and --color"
        )
    kinds = kept[:, 5]
    if (kinds % 1).any() or kinds.min() < 0 or kinds.max() >= classes:
        raise VersionError(
            f"the sixth column goes from {kinds.min():g} to {kinds.max():g}, expected classes of 0 to {classes - 1}: name each class in --labels, in the "
            "order of their numbers"
        )
    if np.abs(kept[:, :4]).max() <= _SHARES:
        raise VersionError(
            f"no corner exceeds {_SHARES:g}: these look like shares of the sides, corners in pixels of the input are needed"
        )
    if (kept[:, 0] > kept[:, 2]).any() or (kept[:, 1] > kept[:, 3]).any():
        raise VersionError("boxes are inside out: corners as left, top, right, bottom are needed, not a middle with its sides")
