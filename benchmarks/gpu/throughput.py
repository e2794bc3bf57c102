"""Frames per second: bare ONNX Runtime at its best batch size, and our runtime fed as serving feeds it, in alternation."""

from functools import partial
from typing import Final

from benchmarks.form import Figure
from benchmarks.gpu.measure import rate, spread
from benchmarks.gpu.modes import BATCHES, bare, frames_of, modes
from benchmarks.gpu.subject import repository, subject
from serving.models.runtime import Runtime
from serving.models.served import open_served

CAVEATS: Final = (
    "Frames are prepared beforehand: decoding is not part of these figures. Both sides copy every frame to the GPU and its answer back; ours turns scores "
    "into probabilities in no figure here.",
    "Bare ONNX Runtime runs one thread; ours has 16 threads that hand in batches of 8, as workers do, and one owner thread that fills batches of up to 64.",
)
_THREADS: Final = 16
_HANDED_IN: Final = 8
_GOAL: Final = 0.9


def figures(quick: bool) -> list[Figure]:
    """Of each mode: ours, the bare best beside it, and the share."""
    version = subject(repository())
    seconds, repeats = (1.0, 3) if quick else (3.0, 5)
    found = []
    for name, how in modes(quick).items():
        plain = bare(version, how)
        best = max(BATCHES, key=lambda size: rate(plain, frames_of(version, size), seconds / 4, 1, 1).value)
        served = open_served(version, Runtime(how))
        ours, theirs, shares = [], [], []
        for _ in range(repeats):
            theirs.append(rate(plain, frames_of(version, best), seconds, 1, 1).value)
            ours.append(rate(partial(served.run, worker=0), frames_of(version, _HANDED_IN), seconds, _THREADS, 1).value)
            shares.append(ours[-1] / theirs[-1])
        mine, bare_best, share = spread(ours), spread(theirs), spread(shares)
        peers: dict[str, float | None] = {f"bare ONNX Runtime, batch {best}": round(bare_best.value)}
        found.append(Figure("throughput", name, "frames/s", round(mine.value), round(mine.low), round(mine.high), peers=peers))
        found.append(
            Figure(
                "throughput",
                f"{name}: share of the bare best",
                "",
                round(share.value, 3),
                round(share.low, 3),
                round(share.high, 3),
                f">= {_GOAL}",
                share.value >= _GOAL,
            )
        )
    return found
