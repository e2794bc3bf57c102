"""Average thresholded confidence: the share of frames whose confidence passes the level that the reference's accuracy fixes, without labels.

Garg et al., Leveraging unlabeled data to predict out-of-distribution performance, ICLR 2022, with the largest probability as the score. Shown beside
CBPE: where the two disagree, neither is to be trusted.
"""

import numpy as np

from monitor.detectors.ewma import Floats


def level(confidence: Floats, accuracy: float) -> float:
    """The confidence that a share `accuracy` of the reference [N] reaches: Garg et al., eq. 2. Above every row's for an accuracy of 0."""
    wrong = round((1 - accuracy) * len(confidence))
    ordered = np.sort(confidence)
    return float(ordered[wrong]) if wrong < len(ordered) else float(np.nextafter(ordered[-1], np.inf))


def passes(confidence: Floats, at_least: float) -> Floats:
    """1 where a frame's confidence [n] reaches the level, else 0."""
    return np.asarray((confidence >= at_least).astype(np.float64))
