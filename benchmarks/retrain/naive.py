"""The loops that people write first: each deploys whatever comes out, after the same labels.

They are given what costs them nothing to have: the same network, pretrained on ImageNet, the champion's weights to begin with, the frames as production
prepares them, mirrored at random. None replays, tunes on held-out frames or judges before it deploys.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from benchmarks.retrain.ours import Marks, right, seen, truth
from benchmarks.retrain.worlds import Photo, World
from contracts.frames import see
from contracts.manifest import InputSpec
from contracts.repository import Version
from retrain.models.graph import SCORES
from retrain.models.head import Head, fit
from retrain.models.network import Classifier
from retrain.models.recipe import EFFICIENTNET, find
from retrain.models.session import Session

EPOCHS: Final = 5
BATCH: Final = 32
RATE: Final = 1e-4
"""AdamW's, as tutorials fine-tune with."""
L2: Final = 0.3
"""Of the head: what production takes where nothing speaks for another."""


@dataclass(frozen=True, slots=True)
class Went:
    """What a loop's network gets right of each domain after the change, and the CPU seconds that it took to make."""

    old: Marks
    new: Marks
    seconds: float


Loop = Callable[[World, Version, int], Went]


def fine_tuned_on_new(world: World, champion: Version, seed: int) -> Went:
    """The champion's network, all its weights tuned on the new labels alone."""
    labels = world.known()
    network = network_of(champion.manifest.input, labels)
    head = head_of(champion)
    weight = np.zeros((len(labels), head.weight.shape[1]), dtype=np.float32)
    bias = np.zeros(len(labels), dtype=np.float32)
    weight[: len(head.bias)], bias[: len(head.bias)] = head.weight, head.bias
    network.put_head(weight, bias)
    return _went(network, world.met, world, champion.manifest.input, seed)


def trained_anew_on_all(world: World, champion: Version, seed: int) -> Went:
    """The network as it came from ImageNet, tuned on old and new photographs as if they were one set."""
    return _went(network_of(champion.manifest.input, world.known()), world.old + world.met, world, champion.manifest.input, seed)


def head_on_all(world: World, champion: Version, _seed: int) -> Went:
    """Only the head, fitted on old and new photographs as if they were one set, at one penalty."""
    began = time.process_time()
    manifest, labels = champion.manifest, world.known()
    session = Session(champion.model, manifest.input, manifest.embedding, manifest.scores)
    photos = world.old + world.met
    weight = np.ones(len(photos), dtype=np.float32)
    head = fit(seen(session, photos).embedding, truth(photos, labels), weight, len(labels), L2)
    seconds = time.process_time() - began

    def share(proof: Sequence[Photo]) -> Marks:
        return right([labels[k] for k in head.logits(seen(session, proof).embedding).argmax(axis=1)], proof)

    return Went(share(world.proof_old), share(world.proof_new), seconds)


LOOPS: Final[Mapping[str, Loop]] = {
    "fine-tuned on new data only": fine_tuned_on_new,
    "trained anew on everything": trained_anew_on_all,
    "always the head only": head_on_all,
}


def _went(network: Classifier, photos: Sequence[Photo], world: World, spec: InputSpec, seed: int) -> Went:
    began = time.process_time()
    labels = world.known()
    images = prepared(photos, spec)
    classes = torch.from_numpy(truth(photos, labels))
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    network.train()
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(photos), generator=generator), BATCH):
            if len(rows) < 2:
                continue  # batch normalisation needs two
            image = images[rows]
            mirrored = torch.rand(len(rows), generator=generator) < 0.5
            image[mirrored] = image[mirrored].flip(2)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(image)[SCORES], classes[rows]).backward()  # type: ignore[no-untyped-call]  # torch's own
            optimiser.step()
    network.eval()
    seconds = time.process_time() - began
    old, new = (right([labels[k] for k in said(network, proof, spec)], proof) for proof in (world.proof_old, world.proof_new))
    return Went(old, new, seconds)


def said(network: Classifier, photos: Sequence[Photo], spec: InputSpec) -> NDArray[np.int64]:
    with torch.no_grad():
        parts = [network(chunk)[SCORES].argmax(dim=1) for chunk in torch.split(prepared(photos, spec), BATCH)]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.int64)


def prepared(photos: Sequence[Photo], spec: InputSpec) -> torch.Tensor:
    return torch.from_numpy(np.stack([see(photo.content, spec) for photo in photos]))


def network_of(spec: InputSpec, labels: tuple[str, ...]) -> Classifier:
    network = find(EFFICIENTNET).build("classification", labels, spec.height)
    assert isinstance(network, Classifier)
    return network


def head_of(champion: Version) -> Head:
    """The linear head of a first version: the Gemm that gives its scores."""
    graph = onnx.load_model_from_string(champion.model).graph
    gemm = next(node for node in graph.node if champion.manifest.scores in node.output)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return Head(tensors[gemm.input[1]], tensors[gemm.input[2]])
