"""The demo's first version: trained by `retrain`'s own code on mono-crystalline cells, and kept between runs.

What is kept is found again by the seed and by a digest of the code that makes it, so that a changed trainer trains again.
"""

import csv
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.errors import KeepsightError
from standalone.photographs import LABELS, POSITIVE, Cell, jpeg
from standalone.scenario import CAMERAS, Blocks
from standalone.train_model import step_of

PACKAGES: Final = ("contracts", "retrain")
Progress = Callable[[float, str], None]


class BootstrapError(KeepsightError):
    """The first version could not be made."""


def digest_of_code(root: Path) -> str:
    """A digest over the sources that decide how a first version comes out."""
    found = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def write_frames(folder: Path, blocks: Blocks, photographs: NDArray[np.uint8]) -> Path:
    """The photographs as the cameras would have sent them, and their index.csv in file order: path, label, group (its block), camera."""
    folder.mkdir(parents=True, exist_ok=True)
    cells: list[Cell] = sorted((cell for block in blocks for cell in block), key=lambda cell: cell.number)
    index = folder / "index.csv"
    with index.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label", "group", "camera"))
        for cell in cells:
            name = f"{cell.number:04d}.jpg"
            (folder / name).write_bytes(jpeg(photographs[cell.number]))
            rows.writerow((name, cell.label, f"block-{cell.block}", CAMERAS[cell.block % len(CAMERAS)]))
    return index


def command(repository: Path, frame_store: Path, model: str, index: Path, seed: int, cache: Path) -> list[str]:
    """How the training process is started."""
    return [
        sys.executable, "-m", "retrain.trainer.bootstrap",
        "--repository", str(repository), "--frame-store", str(frame_store), "--model", model, "--frames", str(index),
        "--labels", ",".join(LABELS), "--positive", POSITIVE, "--seed", str(seed), "--threads", "2", "--cache", str(cache),
    ]  # fmt: skip


def train(arguments: Sequence[str], log: Path, progress: Progress) -> None:
    """Run the training process to its end. Raises BootstrapError with its last lines."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors, subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if (step := step_of(line)) is None:
                    errors.write(line)
                else:
                    progress(step.progress, f"{step.step} {step.detail}".strip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        last = "".join(f"\n    {line}" for line in log.read_text(errors="replace").splitlines()[-6:])
        raise BootstrapError(f"training the first version ended with status {process.returncode}; see {log}:{last}")


def keep(made: Path, kept: Path) -> None:
    """Keep a finished folder for later runs: under another name first, so that an interrupted copy is never found."""
    unfinished = kept.with_name(f".{kept.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(made, unfinished)
    shutil.rmtree(kept, ignore_errors=True)
    unfinished.rename(kept)
