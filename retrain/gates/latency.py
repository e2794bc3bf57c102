"""CPU time a frame of graphs, in one thread, turn by turn, so that whatever else the machine does falls on all alike."""

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
    """CPU seconds [runs] of each session for one frame a run."""
    first, second = in_turn((champion, candidate), (frames, frames), runs)
    return first, second


def in_turn(sessions: Sequence[Session], frames: Sequence[Sequence[Pixels]], runs: int = RUNS) -> NDArray[np.float64]:
    """CPU seconds [S, runs] of S sessions for one of their own frames a run; the calling thread's own time, because a session computes in it."""
    seconds = np.zeros((len(sessions), runs))
    forth = range(len(sessions))
    for run in range(-_WARM_UP, runs):
        for which in forth if run % 2 else reversed(forth):  # whoever goes later finds a warmer cache
            frame = [frames[which][run % len(frames[which])]]
            started = time.thread_time()
            sessions[which].run(frame)
            if run >= 0:
                seconds[which, run] = time.thread_time() - started
    return seconds
