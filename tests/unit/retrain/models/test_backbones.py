"""The pretrained backbone and its export."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from contracts.frames import prepare
from contracts.manifest import InputSpec
from retrain.models import backbones, graph
from retrain.models.session import Session


@pytest.fixture(scope="module")
def network() -> backbones.Backbone:
    return backbones.pretrained()


def test_the_export_agrees_with_torch_on_photographs_at_every_batch_size(network: backbones.Backbone) -> None:
    spec = InputSpec(graph.IMAGE, backbones.SIDE, backbones.SIDE)
    exported = graph.encode(graph.read(backbones.export(network), "the backbone"))
    session = Session(exported, spec, graph.EMBEDDING, None)
    frames = [
        prepare(np.ascontiguousarray(image[top : top + 300]), spec) for image in load_sample_images().images for top in (0, 100)
    ]
    by_torch = network.embed(frames)
    assert by_torch.shape == (4, backbones.WIDTH)
    for batch in (1, 3, 4):
        by_onnx = np.concatenate([session.run(frames[start : start + batch])[0] for start in range(0, 4, batch)])
        assert np.abs(by_onnx - by_torch).max() < 1e-3


def test_the_key_follows_the_weights(network: backbones.Backbone) -> None:
    first = backbones.key(network)
    assert first == backbones.key(backbones.pretrained())
    changed = backbones.pretrained()
    changed.mean += 1
    assert backbones.key(changed) != first
