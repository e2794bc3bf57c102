"""The pretrained body and its export."""

import numpy as np
from sklearn.datasets import load_sample_images

from contracts.frames import prepare
from contracts.manifest import InputSpec
from retrain.models import graph
from retrain.models.backbones import SIDE, WIDTH
from retrain.models.export import by_torch, exported_body
from retrain.models.recipe import EFFICIENTNET, find
from retrain.models.session import Session


def test_the_export_agrees_with_torch_on_photographs_at_every_batch_size() -> None:
    network = find(EFFICIENTNET).build("classification", ("a", "b"), SIDE)
    spec = InputSpec(graph.IMAGE, SIDE, SIDE)
    exported = exported_body(network)
    assert [output.name for output in graph.read(exported, "the body").graph.output] == [graph.EMBEDDING]
    session = Session(exported, spec, graph.EMBEDDING, None)
    frames = [
        prepare(np.ascontiguousarray(image[top : top + 300]), spec) for image in load_sample_images().images for top in (0, 100)
    ]
    wanted = by_torch(network, frames)[0]
    assert wanted.shape == (4, WIDTH)
    for batch in (1, 3, 4):
        by_onnx = np.concatenate([session.run(frames[start : start + batch])[0] for start in range(0, 4, batch)])
        assert np.abs(by_onnx - wanted).max() < 1e-3
