"""Scores into honest probabilities: softmax at a temperature (Guo et al. 2017), fitted where nothing was trained, and the error that remains."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Doubles = NDArray[np.float64]
ScoresAre = Literal["logits", "probabilities"]
LIMITS: Final = (0.05, 20.0)
"""Temperatures outside say that the scores are no logits, not that they are badly calibrated."""
_TINY: Final = 1e-12


def probabilities(scores: Doubles, scores_are: ScoresAre, temperature: float) -> Doubles:
    """Probabilities [N, K] of a graph's scores [N, K]; probabilities are taken to logits by their logarithm first."""
    logits = np.log(np.maximum(scores, _TINY)) if scores_are == "probabilities" else scores
    return softmax(np.asarray(logits, dtype=np.float64) / temperature)


def softmax(logits: Doubles) -> Doubles:
    """Row-wise softmax of [N, K]."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def log_loss(logits: Doubles, truth: NDArray[np.int64], weight: Doubles) -> float:
    """Weighted mean of -log p(truth) in nats."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(truth)), truth]
    return float(losses @ weight / weight.sum())


def temperature(logits: Doubles, truth: NDArray[np.int64], weight: Doubles | None = None) -> float:
    """The temperature of least weighted log loss on logits [N, K] that their head was not trained on."""
    weight = np.ones(len(truth)) if weight is None else np.asarray(weight, dtype=np.float64)
    low, high = np.log(LIMITS[0]), np.log(LIMITS[1])
    found = minimize_scalar(lambda log_t: log_loss(logits / np.exp(log_t), truth, weight), bounds=(low, high), method="bounded")
    return float(np.exp(found.x))


def calibration_error(p: Doubles, truth: NDArray[np.int64], bins: int = 15) -> float:
    """Expected calibration error of the most probable class over `bins` bins of equal width (Naeini et al. 2015), in [0, 1]."""
    confidence, right = p.max(axis=1), (p.argmax(axis=1) == truth).astype(np.float64)
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weights=confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))


def honest_error(p: Doubles, seed: int, bins: int = 15, draws: int = 400, quantile: float = 0.99) -> float:
    """The calibration error that perfectly calibrated probabilities [N, K] still show on so few frames, at `quantile` (Vaicenavicius et al. 2019)."""
    random = np.random.default_rng(seed)
    cumulative = p.cumsum(axis=1)
    drawn = (random.random((draws, len(p), 1)) > cumulative).sum(axis=2).clip(max=p.shape[1] - 1)
    return float(np.quantile([calibration_error(p, truth, bins) for truth in drawn], quantile))
