"""Rates and times of a function that runs batches: warmed up, repeated, with their spread."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Spread(NamedTuple):
    """The median of the repeats, with the least and the most."""

    value: float
    low: float
    high: float


def spread(values: list[float]) -> Spread:
    """Of repeats."""
    return Spread(float(np.median(values)), min(values), max(values))


def rate(
    run: Callable[[NDArray[np.uint8]], object], frames: NDArray[np.uint8], seconds: float, threads: int, repeats: int
) -> Spread:
    """Frames a second through `threads` threads that each run `frames` again as soon as it is done."""
    run(frames)

    def one(until: float) -> int:
        done = 0
        while True:
            run(frames)
            done += len(frames)
            if time.perf_counter() >= until:
                return done

    found = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats):
            start = time.perf_counter()
            done = sum(pool.map(one, [start + seconds] * threads))
            found.append(done / (time.perf_counter() - start))
    return spread(found)


def times_ms(run: Callable[[NDArray[np.uint8]], object], frames: NDArray[np.uint8], count: int) -> NDArray[np.float64]:
    """Milliseconds of each of `count` runs, one after the other."""
    run(frames)
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        run(frames)
        taken.append((time.perf_counter() - start) * 1e3)
    return np.array(taken)
