"""What the model's answers look like, frame by frame: mass per class, confidence and entropy, watched for a change of the mix or of certainty.

Black-box shift detection: Lipton, Wang and Smola, Detecting and correcting for label shift with black box predictors, ICML 2018; Rabanser et al. 2019.
"""

from collections.abc import Sequence

import numpy as np

from contracts.predictions import KEPT_CLASSES, KEPT_TOP
from monitor.detectors.ewma import Floats


def features(probabilities: Floats) -> Floats:
    """[n, K + 2] of probabilities [n, K]: each class's, then the largest, then the entropy in nats; mass left out of an event counts as one class."""
    return np.concatenate([probabilities, probabilities.max(axis=1, keepdims=True), entropy(probabilities)[:, None]], axis=1)


def entropy(probabilities: Floats) -> Floats:
    """Shannon entropy [n] in nats, as Classification.entropy has it."""
    rest = 1 - probabilities.sum(axis=1, keepdims=True)
    every = np.concatenate([probabilities, np.where(rest > 1e-5, rest, 0)], axis=1)  # 1e-5: what rounding to 6 digits leaves
    return np.asarray(-(every * np.log(np.where(every > 0, every, 1))).sum(axis=1))


def names(labels: Sequence[str]) -> tuple[str, ...]:
    """The features' names, in order."""
    return (*(f"share of {label}" for label in labels), "confidence", "entropy")


def as_sent(probabilities: Floats) -> Floats:
    """Reference probabilities [N, K] cut and rounded as events carry them, so that reference and live are alike."""
    if probabilities.shape[1] > KEPT_CLASSES:
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :KEPT_TOP]
        kept = np.zeros_like(probabilities)
        np.put_along_axis(kept, order, np.take_along_axis(probabilities, order, axis=1), axis=1)
        probabilities = kept
    return np.asarray(probabilities.round(6))
