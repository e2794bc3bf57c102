"""Hotelling's statistic on the exponentially weighted mean of the embedding: has the cloud of embeddings moved?

Lowry, Woodall, Champ and Rigdon, A multivariate exponentially weighted moving average control chart, Technometrics 1992. The reference axes are
whitened, and a few dozen blocks cannot estimate a 32 x 32 covariance of block means: the diagonal of it, under the group bootstrap, is used.
"""

import numpy as np

from monitor.detectors.ewma import Floats


def distance(bank: Floats, scale: Floats) -> Floats:
    """The statistic [..., S]: the root mean square over axes of the bank [..., S, A] in units of its standard error `scale` [S, A]."""
    return np.asarray(np.sqrt(np.square(bank / scale).mean(axis=-1)))
