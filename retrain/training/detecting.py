"""How well a detector that is being trained finds what it should on frames that it does not learn from."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from contracts.detections import Way, detections
from contracts.frames import Pixels
from contracts.predictions import Box, BoxesTruth
from contracts.quality_detection import match, mean_average_precision
from retrain.models.export import by_torch
from retrain.models.network import Network

_AT_ONCE: Final = 16
LEAST: Final = 50
THRESHOLDS: Final = tuple(round(0.05 * step, 2) for step in range(2, 20))
_TINY: Final = 1e-6
Frames = Sequence[Pixels] | Pixels
"""N prepared frames, apart or as one array."""


def said(network: Network, frames: Frames, ways: Sequence[Way]) -> list[tuple[Box, ...]]:
    """The boxes that a network finds in prepared frames, each in pixels of its frame as sent; none where its answer is no number."""
    found: list[tuple[Box, ...]] = []
    for start in range(0, len(frames), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        for rows, way in zip(by_torch(network, [np.asarray(frame) for frame in frames[part]])[1], ways[part], strict=True):
            one = detections(rows, network.built.labels, way)
            found.append(() if one is None else one.boxes)
    return found


def honest(network: Network, frames: Frames, truth: Sequence[BoxesTruth], ways: Sequence[Way]) -> tuple[float, float]:
    """Slope and offset of the scores' logits at which scores mean what they say on frames that the network did not learn from: 0.8, and eight of ten are
    there (Platt 1999, logistic regression of hit on logit). (1, 0) where fewer than LEAST boxes, or boxes of one kind only, tell nothing."""
    matches = [match(one.boxes, boxes) for one, boxes in zip(truth, said(network, frames, ways), strict=True)]
    table = np.array([(one.score, one.hit) for frame in matches for one in frame.found], np.float64).reshape(-1, 2)
    score, hit = np.clip(table[:, 0], _TINY, 1 - _TINY), table[:, 1]
    if len(hit) < LEAST or not 0 < hit.sum() < len(hit):
        return 1.0, 0.0
    logit = np.log(score / (1 - score))

    def loss(of: NDArray[np.float64]) -> float:
        signed = (2 * hit - 1) * (np.exp(of[0]) * logit + of[1])
        return float(np.logaddexp(0.0, -signed).mean())

    slope, offset = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-8}).x
    return float(np.exp(slope)), float(offset)


def best_threshold(truth: Sequence[Sequence[Box]], boxes: Sequence[Sequence[Box]]) -> float:
    """The threshold of least mean loss of a frame (1 - F1) on N frames; of several the middle one. Scores of two networks need not mean the same."""
    matches = [match(*both) for both in zip(truth, boxes, strict=True)]
    losses = [sum(one.loss(threshold) for one in matches) for threshold in THRESHOLDS]
    best = [threshold for threshold, loss in zip(THRESHOLDS, losses, strict=True) if loss <= min(losses) + 1e-9]
    return best[len(best) // 2]


def average_precision(frames: Frames, truth: Sequence[BoxesTruth], ways: Sequence[Way]) -> Callable[[Network], float]:
    """A judge for the training loop: mean average precision at IoU 0.5 on N prepared frames. Raises ValueError without a true box among them."""
    if not any(one.boxes for one in truth):
        raise ValueError(f"{len(truth)} frames without a true box judge no detector")

    def judge(network: Network) -> float:
        found = mean_average_precision(
            [match(one.boxes, boxes) for one, boxes in zip(truth, said(network, frames, ways), strict=True)]
        )
        assert found is not None  # there are true boxes
        return found

    return judge
