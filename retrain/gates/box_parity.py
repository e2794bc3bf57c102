"""Gate of a detector: the exported graph finds what torch finds, on real frames, at several batch sizes."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.detections import FLOOR
from contracts.events import GateResult
from retrain.gates.parity import MAX_ABS
from retrain.gates.verdict import UNKNOWN, Verdict

Floats = NDArray[np.float32]
_CORNERS: Final = slice(0, 4)


def parity(by_torch: Floats, by_graph: Floats, side: int, batches: Sequence[int]) -> GateResult:
    """Rows [N, M, 6] by torch and by the graph on the same frames, each batch size in turn; `side` is the input's longer one, in pixels.

    Every box above the floor must have its like: its class, and score and corners (in shares of the side) off by at most MAX_ABS. Boxes whose scores
    are so alike may stand in either order.
    """
    if by_torch.shape != by_graph.shape or not np.isfinite(by_graph).all():
        detail = f"the exported graph answers {by_graph.shape} instead of {by_torch.shape}, or not finite numbers"
        return GateResult("export parity", "fail", UNKNOWN, MAX_ABS, detail)
    pairs = [pair for one, other in zip(by_torch, by_graph, strict=True) for pair in ((one, other), (other, one))]
    worst = max(_farthest(rows.astype(np.float64), others.astype(np.float64), side) for rows, others in pairs)
    verdict: Verdict = "pass" if worst <= MAX_ABS else "fail"
    boxes = int((by_torch[:, :, 4] > FLOOR).sum())
    detail = f"of {boxes} boxes of {len(by_torch)} answers at batch sizes {', '.join(map(str, batches))}, "
    detail += (
        "one has no like" if np.isinf(worst) else f"score and place (in shares of {side} pixels) differ by at most {worst:.2g}"
    )
    return GateResult("export parity", verdict, UNKNOWN if np.isinf(worst) else worst, MAX_ABS, detail)


def _farthest(rows: NDArray[np.float64], others: NDArray[np.float64], side: int) -> float:
    """How far the row [M, 6] that is worst off lies from its nearest like among the others, each of them taken once; inf without one."""
    free, worst = others[:, 4] > FLOOR - MAX_ABS, 0.0
    for row in rows[rows[:, 4] > FLOOR + MAX_ABS]:
        off = np.maximum(np.abs(others[:, _CORNERS] - row[_CORNERS]).max(axis=1) / side, np.abs(others[:, 4] - row[4]))
        off[~free | (others[:, 5] != row[5])] = np.inf
        nearest = int(off.argmin())
        free[nearest] = False
        worst = max(worst, float(off[nearest]))
    return worst
