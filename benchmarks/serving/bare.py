"""The bare job, without a server: what the machine gives at most. Two processes, each with a one-thread session, at batch 1.

    python -m benchmarks.serving.bare ort FOLDER SECONDS FRAMES     # says `ready`, begins at a line, answers `images seconds cpu_seconds`

`ort` runs the model on frames that are prepared already: the ceiling. `job` decodes and prepares each frame first: the whole job without HTTP.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.serving.material import ROOT
from benchmarks.serving.peers.job import WORKERS, Job

Kind = Literal["ort", "job"]


@dataclass(frozen=True, slots=True)
class Bare:
    """Images a second of all processes together, and CPU milliseconds an image."""

    rate: float
    cpu_ms: float


def measured(kind: Kind, folder: Path, frames: Path, seconds: float, processes: int = WORKERS) -> Bare:
    """Run the bare job for so long. `frames` is a file with the frames (msgpack)."""
    command = [sys.executable, "-m", "benchmarks.serving.bare", kind, str(folder), str(seconds), str(frames)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for one in running:
        assert one.stdout is not None
        if one.stdout.readline() != "ready\n":
            raise RuntimeError(f"the bare job ended: {command}")
    said = []
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in running:
        said.append([float(word) for word in one.communicate()[0].split()])
    return Bare(sum(images / took for images, took, _ in said), 1000 * sum(cpu for *_, cpu in said) / sum(one[0] for one in said))


def main(kind: str, folder: str, seconds: str, frames: str) -> None:
    """One of the processes."""
    job = Job(Path(folder))
    contents = msgspec.msgpack.decode(Path(frames).read_bytes(), type=list[bytes])
    prepared = [job.prepared(content)[None] for content in contents]
    for pixels in prepared[:3]:
        job.run(pixels)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    images, began, cpu = 0, time.monotonic(), time.process_time()
    while (took := time.monotonic() - began) < float(seconds):
        if kind == "ort":
            job.run(prepared[images % len(prepared)])
        else:
            job.answer(contents[images % len(contents)])
        images += 1
    sys.stdout.write(f"{images} {took} {time.process_time() - cpu}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
