"""The pretrained backbone and its export."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.frames import prepare
from contracts.manifest import InputSpec
from retrain import backbone, graph
from retrain.embed import Session


@pytest.fixture(scope="module")
def network() -> backbone.Backbone:
    return backbone.pretrained()


def test_the_export_agrees_with_torch_on_photographs_at_every_batch_size(network: backbone.Backbone) -> None:
    spec = InputSpec(graph.IMAGE, backbone.SIDE, backbone.SIDE)
    exported = graph.encode(graph.read(backbone.export(network), "the backbone"))
    session = Session(exported, spec, graph.EMBEDDING, None)
    frames = [
        prepare(np.ascontiguousarray(image[top : top + 300]), spec) for image in load_sample_images().images for top in (0, 100)
    ]
    by_torch = network.embed(frames)
    assert by_torch.shape == (4, backbone.WIDTH)
    for batch in (1, 3, 4):
        by_onnx = np.concatenate([session.run(frames[start : start + batch])[0] for start in range(0, 4, batch)])
        assert np.abs(by_onnx - by_torch).max() < 1e-3


def test_the_key_follows_the_weights(network: backbone.Backbone) -> None:
    first = backbone.key(network)
    assert first == backbone.key(backbone.pretrained())
    changed = backbone.pretrained()
    changed.mean += 1
    assert backbone.key(changed) != first
