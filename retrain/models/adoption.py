"""Turns a stranger's graph into a version's: its preprocessing inside, its embedding beside its scores, and proof that it answers as before.

A Softmax or LogSoftmax at its end is left off: versions answer logits, so that a temperature can make their probabilities honest.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.frames import Pixels
from contracts.manifest import InputSpec
from retrain.models import anatomy, graph
from retrain.models.calibrate import softmax
from retrain.models.export import BATCHES, onnx_logits
from retrain.models.session import Session

TOLERANCE: Final = 1e-4
"""Of the largest score: preprocessing inside the graph rounds differently from outside, in the seventh digit."""


def adopt(model: onnx.ModelProto, spec: InputSpec, how: graph.Preprocessing, classes: int, pixels: list[Pixels]) -> bytes:
    """The version's graph, its scores logits, checked to answer as `model` does on real prepared frames. Raises VersionError with the reason."""
    found = anatomy.head(model)
    before, embedding = _answers(model, found, fed(pixels, how))
    if before.shape[1] != classes:
        raise VersionError(
            f"the graph scores {before.shape[1]} classes, --labels names {classes}: name each class once, in the order of the scores"
        )
    width_flat, flatten = int(np.prod(embedding.shape[1:])), embedding.ndim != 2
    moved = graph.prefixed(model)
    shown = graph.with_outputs(
        moved, f"{graph.PREFIX}{found.logits}", f"{graph.PREFIX}{found.embedding}", classes, width_flat, flatten
    )
    content = graph.encode(graph.with_frames(shown, spec.height, spec.width, how))
    _check_unchanged(content, spec, pixels, before, found)
    return content


def fed(pixels: Sequence[Pixels], how: graph.Preprocessing) -> NDArray[np.float32]:
    """What the user's own code feeds the graph: written apart from the graph's version of it, so that one checks the other."""
    x = np.stack(pixels).astype(np.float64)
    if how.color == "bgr":
        x = x[..., ::-1]
    if how.color == "gray":
        x = (x @ np.array([0.299, 0.587, 0.114]))[..., None]
    x = (x * how.scale - np.asarray(how.mean)) / np.asarray(how.std)
    with np.errstate(over="ignore"):  # infinities are found in the scores, and refused there
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if how.layout == "nchw" else x, dtype=np.float32)


def _answers(
    model: onnx.ModelProto, found: anatomy.Head, x: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Scores [n, K] and the embedding [n, ...] of the graph as it came. Raises VersionError when it does not run on a batch."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    name = graph.data_inputs(model)[0].name
    try:
        session = onnxruntime.InferenceSession(
            graph.encode(graph.with_tensor(model, found.embedding)), options, providers=["CPUExecutionProvider"]
        )
        scores, embedding = session.run([found.scores, found.embedding], {name: x})
    except Exception as error:  # ONNX Runtime raises a dozen kinds of its own without a common base
        reason = str(error).strip().splitlines()[0]
        raise VersionError(
            f"the graph does not run on a batch of {len(x)} frames: {reason}. Export it with a free batch dimension"
        ) from error
    if scores.ndim != 2 or len(scores) != len(x) or len(embedding) != len(x):
        raise VersionError(
            f"the graph answers scores {scores.shape} and an embedding {embedding.shape} for {len(x)} frames: one row of classes a frame is needed"
        )
    if not np.isfinite(scores).all():
        raise VersionError("the graph's scores are not finite on the reference frames: check --scale, --mean and --std")
    return np.asarray(scores, dtype=np.float64), embedding


def _check_unchanged(
    content: bytes, spec: InputSpec, pixels: list[Pixels], before: NDArray[np.float64], found: anatomy.Head
) -> None:
    """The graph as published says the same as the one that came, at every batch size."""
    after = onnx_logits(Session(content, spec, graph.EMBEDDING, graph.SCORES), pixels)
    if found.activation == "Softmax":
        after = softmax(after)
    if found.activation == "LogSoftmax":
        after = np.log(softmax(after))
    wanted = np.tile(before, (len(BATCHES), 1))
    worst = float(np.abs(after - wanted).max()) / max(1.0, float(np.abs(before).max()))
    if not worst <= TOLERANCE:
        raise VersionError(
            f"with its preprocessing inside the graph answers differently (by {worst:.2g} of the largest score): nothing is published"
        )
