"""A candidate before its trial: its graph, what it sees and says of every item, and how the network behind it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels
from contracts.repository import Version
from retrain.data.material import Material
from retrain.data.replay import replay_share
from retrain.models import graph
from retrain.models.calibrate import Doubles, probabilities, softmax
from retrain.models.head import Head
from retrain.models.session import Views
from retrain.request import CandidateRequest
from retrain.training.crossfit import NEW_SHARE, Development, Fitted, cross_fit, fit_rows


@dataclass(frozen=True, slots=True)
class Rework:
    """A candidate for N items. `seen` is what it sees of them: its embedding, its logits.

    `probabilities` [N, K] of each come from a model that did not learn from it: of an `own` item from the candidate (or from a head fitted without its
    recording), of the others, which a network learned from, from the heads of the head-only technique. `by_torch` gives the logits [n, K] of prepared
    frames by torch. `head` is the new head where the embedding is the champion's. `technique` is a sentence; `weights` are to lie in the version's folder.
    """

    model: bytes
    seen: Views
    probabilities: Doubles
    own: NDArray[np.bool_]
    temperature: float
    technique: str
    by_torch: Callable[[Sequence[Pixels]], Doubles]
    head: Head | None = None
    recipe: str = ""
    weights: bytes = b""


def fit_head(request: CandidateRequest, material: Material) -> Fitted:
    """The head for old and new frames on the champion's embedding."""
    return cross_fit(_development(material), len(material.dataset.labels), request.seed, _new_share(request))


def fit_probe(request: CandidateRequest, material: Material, l2: float) -> Head:
    """The same of train alone: where a fine-tuning begins from it, validation must not have been learned by heart before it judges."""
    train = material.dataset.where("train")[material.learning()]
    return fit_rows(_development(material), train, len(material.dataset.labels), l2, _new_share(request))


def fit_known(material: Material, l2: float, classes: int) -> Head | None:
    """The champion's head as it would be without validation: fitted to the old frames of train and its own classes; None where there are none."""
    rows = (material.dataset.where("train") & ~material.new & (material.truth < classes))[material.learning()]
    return fit_rows(_development(material), rows, classes, l2) if rows.any() else None


def _development(material: Material) -> Development:
    learning = material.learning()
    groups = tuple(item.recording for item, inside in zip(material.dataset.items, learning, strict=True) if inside)
    return Development(material.seen.embedding[learning], material.truth[learning], groups, material.new[learning])


def _new_share(request: CandidateRequest) -> float:
    return min(NEW_SHARE, 1.0 - replay_share(request.cause, request.replay_share))


def refit(request: CandidateRequest, parent: Version, material: Material, fitted: Fitted) -> Rework:
    """The champion's graph with that head."""
    learning, manifest = material.learning(), parent.manifest
    logits = fitted.head.logits(material.seen.embedding)
    seen = Views(material.seen.statistics, material.seen.phash, material.seen.embedding, logits.astype(np.float32))
    logits[learning] = fitted.out_of_fold
    champion = graph.read(parent.model, f"{request.model} version {request.parent}")
    return Rework(
        graph.encode(graph.with_head(champion, manifest.embedding, manifest.scores, fitted.head)),
        seen,
        softmax(logits / fitted.temperature),
        np.ones(len(seen), dtype=np.bool_),
        fitted.temperature,
        f"head only (l2 {fitted.l2:g}) on the embedding of version {request.parent}, old frames replayed",
        lambda frames: _by_torch(fitted.head, material.session.run(frames)[0]),
        fitted.head,
    )


def _by_torch(head: Head, embedding: NDArray[np.float32]) -> Doubles:
    import torch

    by_torch = torch.nn.functional.linear(torch.from_numpy(embedding), torch.from_numpy(head.weight), torch.from_numpy(head.bias))
    return by_torch.numpy().astype(np.float64)


def champion_probabilities(parent: Version, scores: NDArray[np.float32], classes: int) -> Doubles:
    """What the champion says of frames whose scores these are, as probabilities [n, classes]: 0 of those that it does not know."""
    found = probabilities(scores.astype(np.float64), parent.manifest.scores_are, parent.manifest.temperature)
    return np.pad(found, ((0, 0), (0, classes - found.shape[1])))
