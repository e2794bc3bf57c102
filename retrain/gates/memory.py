"""The most memory that a graph takes while it answers, measured in a process of its own, where nothing else comes and goes.

python -m retrain.gates.memory HEIGHT WIDTH BATCH      reads the graph on standard input, writes the bytes on standard output
"""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from contracts.errors import VersionError
from contracts.manifest import InputSpec

BATCH: Final = 16
"""The largest batch that serving forms by default."""
_ALLOCATOR: Final = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""mallopt(3): what is freed goes back at once. By glibc's own moving thresholds two exports of one network of 13 MiB took 70 and 78 MiB, so 51.0 and 51.2."""
_LIMIT_S: Final = 300.0
"""Fifty times what a network of 25 million weights takes on a slow core."""
_PROCESS: Final = Path("/proc/self")


def peak_bytes(model: bytes, spec: InputSpec, batch: int = BATCH) -> int:
    """Bytes that loading the graph and answering a batch of grey frames adds at most. Raises VersionError where the process dies, says no number or hangs."""
    command = [sys.executable, "-m", "retrain.gates.memory", str(spec.height), str(spec.width), str(batch)]
    try:
        done = subprocess.run(
            command, input=model, capture_output=True, timeout=_LIMIT_S, check=False, env={**os.environ, **_ALLOCATOR}
        )
    except subprocess.TimeoutExpired as error:
        raise VersionError(f"a batch of {batch} frames was not answered within {_LIMIT_S:g} s") from error
    if done.returncode or not done.stdout.strip().isdigit():
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise VersionError(
            f"the process that answers a batch of {batch} frames ended with status {done.returncode}: {last[0][:400]}"
        )
    return int(done.stdout)


def main(arguments: Sequence[str]) -> int:
    """Measure the graph on standard input."""
    height, width, batch = map(int, arguments)
    from retrain.models.session import opened

    model = sys.stdin.buffer.read()
    frames = np.full((batch, height, width, 3), 128, dtype=np.uint8)
    before = _resident()
    session = opened(model)
    session.run(None, {session.get_inputs()[0].name: frames})
    sys.stdout.write(str(max(0, _peak() - before)))
    return 0


def _resident() -> int:
    """Bytes in memory now; the peak is forgotten where the system can (Linux)."""
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")  # proc(5): resets VmHWM to what is resident now
    return _status("VmRSS") or _most()


def _peak() -> int:
    return _status("VmHWM") or _most()


def _status(name: str) -> int:
    """A figure of proc(5) status, in bytes; 0 where there is none."""
    with suppress(OSError):
        if found := re.search(rf"{name}:\s+(\d+) kB", (_PROCESS / "status").read_text()):
            return int(found[1]) * 1024
    return 0


def _most() -> int:
    """getrusage says kilobytes, and on macOS bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
