"""Gate of a detector: the exported graph finds what torch finds, on real frames, at several batch sizes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.detections import FLOOR
from contracts.events import GateResult
from retrain.gates.verdict import UNKNOWN, Verdict
from retrain.models.box_rows import NEAR, farthest

Floats = NDArray[np.float32]


def parity(by_torch: Floats, by_graph: Floats, side: int, batches: Sequence[int]) -> GateResult:
    """Rows [N, M, 6] by torch and by the graph on the same frames, each batch size in turn; `side` is the input's longer one, in pixels.

    Every box above the floor must have its like: its class, and score and corners (in shares of the side) off by at most NEAR.
    """
    if by_torch.shape != by_graph.shape or not np.isfinite(by_graph).all():
        detail = f"the exported graph answers {by_graph.shape} instead of {by_torch.shape}, or not finite numbers"
        return GateResult("export parity", "fail", UNKNOWN, NEAR, detail)
    worst = farthest(by_torch, by_graph, side)
    verdict: Verdict = "pass" if worst <= NEAR else "fail"
    boxes = int((by_torch[:, :, 4] > FLOOR).sum())
    detail = f"of {boxes} boxes of {len(by_torch)} answers at batch sizes {', '.join(map(str, batches))}, "
    detail += (
        "one has no like" if np.isinf(worst) else f"score and place (in shares of {side} pixels) differ by at most {worst:.2g}"
    )
    return GateResult("export parity", verdict, UNKNOWN if np.isinf(worst) else worst, NEAR, detail)
