"""Gate: answers as fast as the champion."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult

RATIO: Final = 1.1
NOISE_S: Final = 0.0002
"""Differences below are noise of the clock and the scheduler, whatever their ratio."""


def latency(champion_s: NDArray[np.float64], candidate_s: NDArray[np.float64]) -> GateResult:
    """CPU seconds a frame of both graphs, interleaved in one process [runs]: the medians, so that a busy machine fails nobody."""
    before, after = float(np.median(champion_s)), float(np.median(candidate_s))
    limit = RATIO * before + NOISE_S
    p95 = float(np.quantile(candidate_s, 0.95))
    detail = f"median CPU time a frame {after * 1e3:.2f} ms, champion {before * 1e3:.2f} ms, 95th percentile {p95 * 1e3:.2f} ms; limit 1.1 x + 0.2 ms"
    return GateResult("latency", "pass" if after <= limit else "fail", after, limit, detail)
