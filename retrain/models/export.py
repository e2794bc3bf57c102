"""What an exported graph answers on real frames at several batch sizes, for the comparison with the model it was made from."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels
from retrain.models.session import Session

BATCHES: Final = (1, 3, 16)
"""Alone, an odd number, and the most that serving forms by default."""
_FRAMES: Final = 16


def parity_frames(count: int, wanted: int = _FRAMES) -> list[int]:
    """Indices of at most `wanted` frames spread evenly over `count`."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, wanted))})


def onnx_logits(session: Session, frames: Sequence[Pixels], batches: Sequence[int] = BATCHES) -> NDArray[np.float64]:
    """Scores [len(batches) * n, K] of the n frames, once for each batch size."""
    parts = [session.run(frames[start : start + size])[1] for size in batches for start in range(0, len(frames), size)]
    return np.concatenate(parts).astype(np.float64)
