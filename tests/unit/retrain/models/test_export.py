"""A trained network and its graph give the same answers; one that was altered after its export does not."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from contracts.errors import VersionError
from contracts.manifest import InputSpec
from retrain.models import graph
from retrain.models.export import BATCHES, by_torch, exported, onnx_logits, parity_frames, to_onnx
from retrain.models.network import Classifier
from retrain.models.recipe import EFFICIENTNET, SMALL_CONV, find
from retrain.models.session import Session
from tests.small_pictures import LABELS, SIDE, frames


def network(name: str = SMALL_CONV, side: int = SIDE) -> Classifier:
    made = find(name).build("classification", LABELS, side, seed=1)
    assert isinstance(made, Classifier)
    random = np.random.default_rng(0)
    made.put_head(
        random.normal(scale=0.1, size=(10, made.body.width)).astype(np.float32), random.normal(size=10).astype(np.float32)
    )
    return made


def session(content: bytes, side: int = SIDE) -> Session:
    return Session(content, InputSpec(graph.IMAGE, side, side), graph.EMBEDDING, graph.SCORES)


@pytest.mark.parametrize(("name", "side"), [(SMALL_CONV, SIDE), (EFFICIENTNET, 64)])
def test_the_graph_agrees_with_the_network_at_every_batch_size(name: str, side: int) -> None:
    made = network(name, side)
    shown = [np.ascontiguousarray(np.kron(f, np.ones((side // SIDE, side // SIDE, 1), np.uint8))) for f in frames(16)]
    embedding, scores = by_torch(made, shown)
    graphed = session(exported(made), side)
    assert np.abs(onnx_logits(graphed, shown) - np.tile(scores, (len(BATCHES), 1))).max() < 1e-3
    assert np.abs(graphed.run(shown)[0] - embedding).max() < 1e-3
    assert np.ptp(scores, axis=0).max() > 0.1  # the pictures do differ


def test_exporting_leaves_the_network_as_it_is() -> None:
    made = network().train().to(torch.float64)
    content = exported(made)
    assert made.training
    assert made.head.weight.dtype == torch.float64
    assert content == exported(network())


def test_a_weight_altered_after_the_export_is_seen() -> None:
    made = network()
    altered = onnx.load_from_string(exported(made))
    tensor = next(one for one in altered.graph.initializer if list(one.dims) == [10, 256])
    values = numpy_helper.to_array(tensor).copy()
    values[3, 7] += 0.5
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    shown = frames(16)
    worst = np.abs(onnx_logits(session(graph.encode(altered)), shown, (16,)) - by_torch(made, shown)[1]).max()
    assert worst > 1e-2


def test_channels_swapped_after_the_export_are_seen() -> None:
    made = network()
    shown = [np.ascontiguousarray(frame * np.array([1, 0.5, 0.2])).astype(np.uint8) for frame in frames(8)]
    swapped = [np.ascontiguousarray(frame[..., ::-1]) for frame in shown]
    assert np.abs(onnx_logits(session(exported(made)), swapped, (8,)) - by_torch(made, shown)[1]).max() > 1e-2


def test_parity_frames_are_spread_evenly() -> None:
    assert parity_frames(100, 5) == [0, 24, 49, 74, 99]
    assert parity_frames(3) == [0, 1, 2]


def test_what_has_no_graph_is_refused_in_a_line() -> None:
    class Strange(torch.nn.Module):
        def forward(self, image_NHWC: torch.Tensor) -> torch.Tensor:
            x_ND = image_NHWC.float().flatten(1)[:, :4]
            return torch.linalg.eigvalsh(x_ND.T @ x_ND)[None]

    with pytest.raises(VersionError, match=r"the network cannot be exported: .*eigvalsh"):
        to_onnx(Strange(), SIDE, ("scores",))
