"""The network that a champion's graph was exported from, so that more than its head can be trained on: found by name, and believed only where it answers alike.

A graph keeps no gradients. Its network comes from a recipe: the one that its lineage names, or the one that the settings name for an imported graph. The
weights are those that lie in the version's folder, where it was fine-tuned; else the recipe's own with the head read from the graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from contracts.errors import VersionError
from contracts.frames import Pixels
from contracts.manifest import WEIGHTS, Manifest
from contracts.repository import ModelRepository, Version
from retrain.gates.parity import parity
from retrain.models import graph
from retrain.models.export import BATCHES, by_torch, onnx_logits
from retrain.models.head import Head
from retrain.models.last_layer import last_layer
from retrain.models.network import Classifier, Network, pack
from retrain.models.recipe import Recipe, find, installed
from retrain.models.session import Session
from retrain.models.weights import fill
from retrain.request import CandidateRequest

_HEAD: Final = "head."
"""Before the names of a classifier's last layer."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A recipe, and the weights (a file of `pack`) and the head with which its network answers as the champion.

    `own`: the weights are the version's, not the recipe's.
    """

    recipe: Recipe
    weights: bytes
    head: Head
    own: bool

    def network(self, labels: tuple[str, ...], head: Head) -> Classifier:
        """The champion's body with another head."""
        before = self.recipe.load(self.weights)
        made = self.recipe.build("classification", labels, before.built.side, pretrained=False)
        assert isinstance(made, Classifier)  # as `origin` found
        body = {name: tensor for name, tensor in before.state_dict().items() if not name.startswith(_HEAD)}
        fill(made, body, "the champion's weights", frozenset(name for name in made.state_dict() if name.startswith(_HEAD)))
        made.put_head(head.weight, head.bias)
        return made

    def scratch(self, labels: tuple[str, ...], seed: int) -> Network:
        """The same network at random weights."""
        return self.recipe.build("classification", labels, self.recipe.load(self.weights).built.side, seed, pretrained=False)


def origin(request: CandidateRequest, parent: Version, repository: ModelRepository, frames: Sequence[Pixels]) -> Origin:
    """The champion's origin. Raises VersionError with the reason where there is none, or it answers otherwise on prepared real `frames`."""
    manifest = parent.manifest
    name = _name(request, manifest)
    recipe = find(name, Path(request.recipe_weights) if request.recipe_weights else None)
    if manifest.input.height != manifest.input.width:
        raise VersionError(f"recipes take square frames, this version's are {manifest.input.width} x {manifest.input.height}")
    own = WEIGHTS in manifest.files
    network = (
        recipe.load(repository.file(request.model, request.parent, WEIGHTS))
        if own
        else recipe.build("classification", manifest.labels, manifest.input.height)
    )
    if not isinstance(network, Classifier) or network.built.labels != manifest.labels:
        raise VersionError(f"recipe {name!r} makes no classifier of {', '.join(manifest.labels)} with a linear head")
    head = last_layer(graph.read(parent.model, f"{request.model} version {request.parent}"))
    try:
        network.put_head(head.weight, head.bias)
    except ValueError as error:
        raise VersionError(f"recipe {name!r} is not the champion's network: {error}") from None
    _check(name, network, parent, frames)
    return Origin(recipe, pack(network), head, own)


def _name(request: CandidateRequest, manifest: Manifest) -> str:
    """The settings' word, or the lineage's: of what a repository says only names that run no stranger's code."""
    if request.recipe:
        return request.recipe
    name = manifest.lineage.recipe
    if not name:
        raise VersionError(
            "the champion came as a graph; with its network named in the setting recipe more than its head could be trained"
        )
    if name not in installed():
        raise VersionError(
            f"the champion was made by recipe {name!r}: name it in the setting recipe, with recipe_weights where it needs them"
        )
    return name


def _check(name: str, network: Network, parent: Version, frames: Sequence[Pixels]) -> None:
    manifest = parent.manifest
    session = Session(parent.model, manifest.input, manifest.embedding, manifest.scores)
    wanted = np.tile(by_torch(network, frames)[1].astype(np.float64), (len(BATCHES), 1))
    found = parity(wanted, onnx_logits(session, frames), BATCHES)
    if found.verdict != "pass":
        raise VersionError(
            f"recipe {name!r} does not answer as the champion does: they differ by {found.value:.2g} of the largest score"
        )
