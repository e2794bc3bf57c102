"""Rows of a detector's answer compared with rows that should be the same, where equals may stand in either order."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.detections import FLOOR

NEAR: Final = 1e-3
"""What scores and corners, in shares of the input's side, may be off: float32 through a network, computed in another order."""
_CORNERS: Final = slice(0, 4)


def farthest(first: NDArray[Any], second: NDArray[Any], side: int) -> float:
    """How far the box of rows [N, M, 6] that is worst off lies from its nearest like on the other side, in score or in shares of `side` pixels.

    Every box above the floor must have its like, of its class, each taken once; inf where one has none.
    """
    pairs = [pair for one, other in zip(first, second, strict=True) for pair in ((one, other), (other, one))]
    return max((_farthest(rows.astype(np.float64), others.astype(np.float64), side) for rows, others in pairs), default=0.0)


def _farthest(rows: NDArray[np.float64], others: NDArray[np.float64], side: int) -> float:
    free, worst = others[:, 4] > FLOOR - NEAR, 0.0
    for row in rows[rows[:, 4] > FLOOR + NEAR]:
        off = np.maximum(np.abs(others[:, _CORNERS] - row[_CORNERS]).max(axis=1) / side, np.abs(others[:, 4] - row[4]))
        off[~free | (others[:, 5] != row[5])] = np.inf
        nearest = int(off.argmin())
        free[nearest] = False
        worst = max(worst, float(off[nearest]))
    return worst
