"""From a graph's scores to probabilities, as its manifest defines them."""

import numpy as np
from numpy.typing import NDArray

from contracts.manifest import Manifest


def to_probabilities(scores: NDArray[np.float32], manifest: Manifest) -> NDArray[np.float64]:
    """Probabilities [n, K] of the graph's scores [n, K]: softmax of logits over temperature, or the probabilities normalised. NaN rows where undefined."""
    with np.errstate(all="ignore"):
        values = scores.astype(np.float64)
        if manifest.scores_are == "logits":
            values = values / manifest.temperature
            values = np.exp(values - values.max(axis=1, keepdims=True))
        else:
            values = np.where(values >= -1e-6, np.maximum(values, 0.0), np.nan)
        return np.asarray(values / values.sum(axis=1, keepdims=True))
