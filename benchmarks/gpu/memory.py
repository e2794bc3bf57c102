"""GPU memory that a version takes: after it is ready, and after it has worked at its largest batch."""

from typing import Final

from benchmarks.form import Figure
from benchmarks.gpu.devices import memory_mib, name
from benchmarks.gpu.modes import MOST, frames_of, modes
from benchmarks.gpu.subject import repository, subject
from serving.models.runtime import Runtime
from serving.models.served import Served, open_served

CAVEATS: Final = (
    "Memory as nvidia-smi tells it, of all processes on the GPU; the first mode's figure holds CUDA's own context, some hundreds of MiB. Earlier modes are "
    "let go before the next one is measured, but CUDA may keep what they took.",
)


def figures(quick: bool) -> list[Figure]:
    """Of each mode: MiB that the version added."""
    version = subject(repository())
    found = []
    for mode, how in modes(quick).items():
        before = memory_mib()
        served: Served = open_served(version, Runtime(how))
        ready = memory_mib() - before
        for _ in range(10):
            served.run(frames_of(version, MOST), 0)
        found.append(Figure("memory", f"{mode}, ready ({name()})", "MiB", ready))
        found.append(Figure("memory", f"{mode}, after batches of {MOST}", "MiB", memory_mib() - before))
        del served
    return found
