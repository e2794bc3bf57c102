"""CPU time a frame of two graphs, in one thread, turn by turn, so that whatever else the machine does falls on both alike."""

import time
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.frames import Pixels
from retrain.models.session import Session

RUNS: Final = 41
_WARM_UP: Final = 3


def measured(
    champion: Session, candidate: Session, frames: Sequence[Pixels], runs: int = RUNS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """CPU seconds [runs] of each session for one frame a run; the calling thread's own time, because a session computes in it."""
    seconds = np.zeros((2, runs))
    for run in range(-_WARM_UP, runs):
        frame = [frames[run % len(frames)]]
        order = (0, 1) if run % 2 else (1, 0)  # whoever goes second finds a warmer cache
        for which in order:
            started = time.thread_time()
            (champion, candidate)[which].run(frame)
            if run >= 0:
                seconds[which, run] = time.thread_time() - started
    return seconds[0], seconds[1]
