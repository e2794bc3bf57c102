"""Trains a linear head on a network whose weights stay as they are: what a first version is, before it is published."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.files import Folder
from contracts.frames import see
from contracts.manifest import InputSpec
from contracts.quality import Quality, quality
from retrain.data.dataset import Dataset
from retrain.data.frames import Frame, Frames
from retrain.gates.parity import parity
from retrain.models import graph
from retrain.models.calibrate import softmax
from retrain.models.export import BATCHES, OPSET, by_torch, exported_body, onnx_logits, parity_frames
from retrain.models.network import Classifier, Network, pack
from retrain.models.recipe import Recipe
from retrain.models.session import Session, Views, views
from retrain.trainer.bootstrap_order import Order
from retrain.trainer.publication import dealt
from retrain.training.crossfit import Development, Fitted, cross_fit

Say = Callable[[str, float, str], None]
"""Takes a step, the share of the whole that is done when it begins, and its detail."""

_EMBEDDING: Final = 0.1
_HEAD: Final = 0.76
_CHECKING: Final = 0.94
"""Of a training, where these steps begin."""


def within(say: Say, low: float, high: float) -> Say:
    """Says a part's progress as the whole's, from `low` to `high`."""

    def part(step: str, progress: float, detail: str) -> None:
        say(step, low + (high - low) * progress, detail)

    return part


@dataclass(frozen=True, slots=True)
class Body:
    """A recipe's network for frames of `side` pixels."""

    recipe: Recipe
    side: int

    def __str__(self) -> str:
        return f"{self.recipe.name} at {self.side} pixels"

    def spec(self, fit: Literal["stretch", "letterbox"]) -> InputSpec:
        """What its graph takes."""
        return InputSpec(graph.IMAGE, self.side, self.side, fit, "reduced")


@dataclass(frozen=True, slots=True)
class Trained:
    """A first version before it is published. Probabilities [N, K] of every item, by heads that never learned from its recording.

    `weights` (a file of `pack`) where the body began from a file that a later training may not find; else empty.
    """

    body: Body
    spec: InputSpec
    model: bytes
    weights: bytes
    fitted: Fitted
    dataset: Dataset
    seen: Views
    probabilities: NDArray[np.float64]
    benchmark: Quality


def train(order: Order, body: Body, frames: Sequence[Frame], cache: Folder | None, say: Say) -> Trained:
    """Export the body, embed the frames, fit the head and check the graph. Raises VersionError or ValueError with the reason."""
    torch.set_num_threads(
        1
    )  # embedding runs in `threads` of its own; two spinning OpenMP threads tripled the CPU time on two cores
    say("exporting the network", 0.0, str(body))
    network = body.recipe.build("classification", order.labels, body.side)
    exported = _exported(body, network, cache)
    spec = body.spec(order.fit)
    seen = views(
        Session(exported, spec, graph.EMBEDDING, None),
        Frames([one.read for one in frames]),
        cache,
        order.threads,
        lambda done: say("embedding frames", _EMBEDDING + (_HEAD - _EMBEDDING) * done, str(body)),
    )
    say("training the head", _HEAD, "")
    dataset = dealt(order.model, order.labels, frames, seen, order.seed, order.version)
    fitted, logits = _fitted(order, dataset, seen)
    probabilities = softmax(logits / fitted.temperature)
    model = graph.encode(graph.with_head(graph.read(exported, "the body"), graph.EMBEDDING, graph.SCORES, fitted.head))
    say("checking the export", _CHECKING, "torch against ONNX Runtime on real frames")
    _check_parity(network, model, spec, fitted, frames)
    benchmark = quality(order.labels, dataset.truth(), probabilities, order.positive)
    weights = _with_head(network, fitted) if order.recipe_weights and body.recipe.name == order.recipe else b""
    return Trained(body, spec, model, weights, fitted, dataset, seen, probabilities, benchmark)


def _exported(body: Body, network: Network, cache: Folder | None) -> bytes:
    """The body's graph, from the cache if the same one was exported before."""
    name = f"body-{body.recipe.key()}-{body.side}-opset{OPSET}.onnx"
    if cache is not None and cache.exists(name):
        return cache.read(name)
    exported = exported_body(network)
    if cache is not None:
        cache.write(name, exported)
    return exported


def _fitted(order: Order, dataset: Dataset, seen: Views) -> tuple[Fitted, NDArray[np.float64]]:
    """The head, and logits [N, K] of every item: out of fold of what it learned from."""
    truth, learning = dataset.truth(), dataset.where("train", "validation")
    development = Development(
        seen.embedding[learning],
        truth[learning],
        tuple(item.recording for item, inside in zip(dataset.items, learning, strict=True) if inside),
        np.zeros(int(learning.sum()), dtype=np.bool_),
    )
    fitted = cross_fit(development, len(order.labels), order.seed)
    logits = fitted.head.logits(seen.embedding)
    logits[learning] = fitted.out_of_fold
    return fitted, logits


def _check_parity(network: Network, model: bytes, spec: InputSpec, fitted: Fitted, frames: Sequence[Frame]) -> None:
    pixels = [see(frames[i].read(), spec) for i in parity_frames(len(frames))]
    wanted = fitted.head.logits(by_torch(network, pixels)[0])
    answered = onnx_logits(Session(model, spec, graph.EMBEDDING, graph.SCORES), pixels)
    found = parity(np.tile(wanted, (len(BATCHES), 1)), answered, BATCHES)
    if found.verdict != "pass":
        raise VersionError(f"the exported graph is not the trained model ({found.detail}: {found.value:.2g}): nothing is published")


def _with_head(network: Network, fitted: Fitted) -> bytes:
    """The network as it was trained; nothing of one whose head is not a linear layer that we know."""
    if not isinstance(network, Classifier):
        return b""
    network.put_head(fitted.head.weight, fitted.head.bias)
    return pack(network)
