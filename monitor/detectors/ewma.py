"""The bank of exponentially weighted means that every unlabelled channel stands on, and the largest standardised deviation over features.

A block's mean deviation from the reference goes in; one mean per time scale comes out. Small scales answer to abrupt changes, large ones gather
slow ones. Roberts, Control chart tests based on geometric moving averages, Technometrics 1959.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weights(scales: Sequence[int]) -> Floats:
    """The newest block's weight on each scale [S]: 2 / (L + 1), so that a bank of L blocks has the mean age of their plain mean."""
    if any(scale < 1 for scale in scales):
        raise ValueError(f"scales are blocks, at least 1: {list(scales)}")
    return np.array([2.0 / (scale + 1) for scale in scales])


def step(bank: Floats, deviation: Floats, weight: Floats) -> Floats:
    """The bank [..., S, F] after a block that deviates by `deviation` [..., F]; it starts from zeros, the reference's own level."""
    return np.asarray(bank + weight[:, None] * (deviation[..., None, :] - bank))


def largest(bank: Floats, scale: Floats) -> Floats:
    """The statistic [..., S]: the largest absolute deviation over features, each in units of its standard error `scale` [S, F]."""
    return np.asarray(np.abs(bank / scale).max(axis=-1))
