"""The head that comes of new and replayed old frames on the champion's own embedding, and the champion's graph with it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.repository import Version
from retrain.data.material import Material
from retrain.data.replay import replay_share
from retrain.models import graph
from retrain.models.calibrate import Doubles, probabilities, softmax
from retrain.request import CandidateRequest
from retrain.training.crossfit import NEW_SHARE, Development, Fitted, cross_fit


@dataclass(frozen=True, slots=True)
class Rework:
    """A refitted head and the graph that holds it. `probabilities` [N, K] of every item: sealed ones by the head, the others out of fold."""

    fitted: Fitted
    model: bytes
    probabilities: Doubles

    def of(self, embedding: NDArray[np.float32]) -> Doubles:
        """Probabilities [n, K] by the head that ships."""
        return softmax(self.fitted.head.logits(embedding) / self.fitted.temperature)


def refit(request: CandidateRequest, parent: Version, material: Material) -> Rework:
    """The head for old and new frames on the champion's embedding, and the champion's graph with that head."""
    learning = material.learning()
    groups = tuple(item.recording for item, inside in zip(material.dataset.items, learning, strict=True) if inside)
    development = Development(material.seen.embedding[learning], material.truth[learning], groups, material.new[learning])
    labels = parent.manifest.labels
    new_share = min(NEW_SHARE, 1.0 - replay_share(request.cause, request.replay_share))
    fitted = cross_fit(development, len(labels), request.seed, new_share)
    logits = fitted.head.logits(material.seen.embedding)
    logits[learning] = fitted.out_of_fold
    champion = graph.read(parent.model, f"{request.model} version {request.parent}")
    model = graph.encode(graph.with_head(champion, parent.manifest.embedding, parent.manifest.scores, fitted.head))
    return Rework(fitted, model, softmax(logits / fitted.temperature))


def champion_probabilities(parent: Version, scores: NDArray[np.float32]) -> Doubles:
    """What the champion says of frames whose scores these are."""
    return probabilities(scores.astype(np.float64), parent.manifest.scores_are, parent.manifest.temperature)
