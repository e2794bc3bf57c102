"""The maximum mean discrepancy between live embeddings and the reference, through random Fourier features: has the cloud changed its shape?

The mean of the features embeds a distribution; the distance of two means approximates the MMD of a Gaussian kernel. Rahimi and Recht, Random features
for large-scale kernel machines, NeurIPS 2007; Gretton et al., A kernel two-sample test, JMLR 2012; the bandwidth is the median distance.
"""

from dataclasses import dataclass

import numpy as np

from monitor.detectors.ewma import Floats

FEATURES = 64
"""The kernel's error falls as 1 / sqrt(2 x 64), about 0.09: small beside the shifts that matter, and the calibration sees the same error."""
_PAIRS = 2000


@dataclass(frozen=True, slots=True)
class Fourier:
    """The feature map of one reference: `frequencies` [A, FEATURES] and `phases` [FEATURES]."""

    frequencies: Floats
    phases: Floats

    def __call__(self, embeddings: Floats) -> Floats:
        """Features [n, FEATURES] of embeddings [n, A]; inner products approximate the kernel."""
        return np.asarray(np.sqrt(2 / FEATURES) * np.cos(embeddings @ self.frequencies + self.phases))


def fourier(reference: Floats, rng: np.random.Generator) -> Fourier:
    """The map for a reference [N, A], with the median distance between its rows as the bandwidth."""
    first, second = rng.integers(0, len(reference), (2, _PAIRS))
    distances = np.linalg.norm(reference[first] - reference[second], axis=1)
    positive = distances[distances > 0]
    bandwidth = float(np.median(positive)) if len(positive) else 1.0
    frequencies = rng.standard_normal((reference.shape[1], FEATURES)) / bandwidth
    return Fourier(frequencies, rng.uniform(0, 2 * np.pi, FEATURES))


def discrepancy(bank: Floats) -> Floats:
    """The statistic [..., S]: the norm over features of the bank [..., S, FEATURES], the MMD of each scale's weighted sample."""
    return np.asarray(np.linalg.norm(bank, axis=-1))
