"""Confidence-based performance estimation: the accuracy that a calibrated model expects of itself, without labels.

The expected accuracy of frames is the mean of their largest probability (nannyml's CBPE for accuracy; Guillory et al., ICCV 2021, difference of
confidences). The reference's own gap between expected and true accuracy is taken off. Blind to concept drift, and to a model that is wrong with
confidence: on mono to poly solar cells it rises while the accuracy halves. So it may add to evidence, never veto it.
"""

import numpy as np

from monitor.detectors.ewma import Floats


def expected(probabilities: Floats) -> Floats:
    """Each frame's probability [n] of being answered rightly, given probabilities [n, K]."""
    return np.asarray(probabilities.max(axis=1))


def estimate(accuracy: float, moved: float) -> float:
    """The accuracy now, given the reference's true `accuracy` and by how much the mean expectation `moved` since; in [0, 1]."""
    return min(1.0, max(0.0, accuracy + moved))


def drop(bank: Floats, scale: Floats) -> Floats:
    """The statistic [..., S]: how far the expectation, bank [..., S, 1], fell, in units of its standard error `scale` [S, 1]; 0 when it rose."""
    return np.asarray(np.maximum(0.0, -(bank / scale)[..., 0]))
