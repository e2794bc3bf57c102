"""How long a batch takes, by its size: one caller, our runtime, beside bare ONNX Runtime."""

from functools import partial
from typing import Final

import numpy as np

from benchmarks.form import Figure
from benchmarks.gpu.measure import times_ms
from benchmarks.gpu.modes import BATCHES, bare, frames_of, modes
from benchmarks.gpu.subject import repository, subject
from serving.models.runtime import Runtime
from serving.models.served import open_served

CAVEATS: Final = ("One caller on an idle GPU; value is the median, low and high are the 1st and 99th percentile of the runs.",)


def figures(quick: bool) -> list[Figure]:
    """Of each mode and batch size: milliseconds."""
    version = subject(repository())
    count = 100 if quick else 500
    found = []
    for name, how in modes(quick).items():
        plain, served = bare(version, how), open_served(version, Runtime(how))
        for size in BATCHES:
            frames = frames_of(version, size)
            theirs = float(np.median(times_ms(plain, frames, count)))
            low, middle, high = np.percentile(times_ms(partial(served.run, worker=0), frames, count), [1, 50, 99])
            peers: dict[str, float | None] = {"bare ONNX Runtime": round(theirs, 3)}
            found.append(
                Figure("latency", f"{name}, batch {size}", "ms", round(middle, 3), round(low, 3), round(high, 3), peers=peers)
            )
    return found
