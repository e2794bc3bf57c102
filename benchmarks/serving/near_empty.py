"""A nearly empty model at the input size of a real one, so that what is left of a request's cost is the server's: every 32nd pixel, a linear layer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from contracts.manifest import InputSpec, Lineage, Manifest
from contracts.repository import ModelRepository
from retrain.data.baseline import baseline_of
from retrain.models.calibrate import softmax
from retrain.models.session import Session, views
from retrain.trainer.publication import first_champion

SIDE: Final = 224
_STEP: Final = 32
_SEED: Final = 1
_LABELS: Final = ("one", "two")
_CREATED_AT: Final = 1_700_000_000.0


def publish_near_empty(repository: Path, frames: Sequence[bytes]) -> None:
    """Publish it as version 1 of model `empty`, with `frames` for its baseline, and make it answer."""
    model, spec = near_empty_onnx(), InputSpec("image", SIDE, SIDE, "stretch", "reduced")
    seen = views(Session(model, spec, "embedding", "scores"), frames)
    p = softmax(seen.scores.astype(np.float64))
    baseline = baseline_of(_LABELS, seen, p, None, [str(number % 8) for number in range(len(frames))])
    manifest = Manifest(
        model="empty",
        version="1",
        created_at=_CREATED_AT,
        task="classification",
        labels=_LABELS,
        input=spec,
        scores="scores",
        embedding="embedding",
        scores_are="logits",
        lineage=Lineage("import", seed=_SEED),
        files={},
    )
    house = ModelRepository(str(repository))
    first_champion(house, house.publish(manifest, model, baseline), _CREATED_AT, "bench-serving")


def near_empty_onnx() -> bytes:
    """uint8 frames [N, 224, 224, 3] to logits [N, 2] and an embedding [N, 147]."""
    width = 3 * (SIDE // _STEP) ** 2
    weights = np.random.default_rng(_SEED).normal(0, 1e-3, (width, len(_LABELS))).astype(np.float32)
    where = {"from": [_STEP // 2] * 2, "to": [SIDE] * 2, "axes": [1, 2], "steps": [_STEP] * 2}
    constants: dict[str, NDArray[Any]] = {name: np.array(value, np.int64) for name, value in where.items()}
    nodes = [
        helper.make_node("Slice", ["image", *where], ["grid"]),
        helper.make_node("Cast", ["grid"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["numbers"], ["embedding"]),
        helper.make_node("Gemm", ["embedding", "weights"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "empty",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, 3])],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", len(_LABELS)]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", width]),
        ],
        [numpy_helper.from_array(value, name) for name, value in [*constants.items(), ("weights", weights)]],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
