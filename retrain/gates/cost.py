"""Gates: answers as fast as the champion, seldom slower than it ever is, and in as much memory."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import GateResult
from retrain.gates.paired import share_bounds

RATIO: Final = 1.1
NOISE_S: Final = 0.0002
"""Differences of the medians below are noise of the clock and the scheduler, whatever their ratio."""
TAIL_NOISE_S: Final = 0.001
"""And of the slowest runs: a timer's interrupt, a page that was not there yet."""
NOISE_BYTES: Final = 8 * 2**20
"""Measurements of one graph, and of two exports of one network, lie within 0.3 MiB of each other; ONNX Runtime's arena grows by doubling, so that a little more
may take one chunk more, whole."""


def latency(champion_s: NDArray[np.float64], candidate_s: NDArray[np.float64]) -> GateResult:
    """CPU seconds a frame of both graphs, interleaved in one process [runs]: the medians, so that a busy machine fails nobody, and the slow tail.

    The tail is too slow where surely (one-sided 95 %) more than 1 % of runs are above 1.1 times the champion's 99th percentile: 3 of 41.
    """
    before, after = float(np.median(champion_s)), float(np.median(candidate_s))
    limit = RATIO * before + NOISE_S
    tail_before, tail_after = (float(np.quantile(runs, 0.99)) for runs in (champion_s, candidate_s))
    slow = int((candidate_s > RATIO * tail_before + TAIL_NOISE_S).sum())
    too_slow = share_bounds(slow, len(candidate_s))[0] > 0.01
    detail = (
        f"median CPU time a frame {after * 1e3:.2f} ms, champion {before * 1e3:.2f} ms, limit 1.1 x + 0.2 ms; 99th percentile {tail_after * 1e3:.2f} ms, "
        f"champion {tail_before * 1e3:.2f} ms, {slow} of {len(candidate_s)} runs above 1.1 x + 1 ms of it"
    )
    return GateResult("latency", "fail" if too_slow or after > limit else "pass", after, limit, detail)


def memory(champion_bytes: int, candidate_bytes: int) -> GateResult:
    """The most that each graph takes, loaded and answering a full batch in a process of its own; `value` and `limit` in MiB."""
    before, after = champion_bytes / 2**20, candidate_bytes / 2**20
    limit = RATIO * before + NOISE_BYTES / 2**20
    detail = f"peak memory of a session with a full batch {after:.0f} MiB, champion {before:.0f} MiB; limit 1.1 x + {NOISE_BYTES / 2**20:g} MiB"
    return GateResult("memory", "pass" if after <= limit else "fail", after, limit, detail)
