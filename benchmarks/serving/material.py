"""What is served and what is sent: versions, and photographs as a camera would send them. Kept in the cache folder.

The model is EfficientNet-lite0 at 224 px with a head trained on solar cells; beside it a nearly empty one at the same input size.
"""

import bisect
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

from benchmarks.serving.near_empty import publish_near_empty
from standalone import first_version, photographs, scenario

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "bench-serving"
"""The one folder that outlives a run: the peers' environments and the versions. Git ignores it; `make clean` removes it."""
FRAMES: Final = 64
WIDTH, HEIGHT = 640, 480
BYTES: Final = 63_000
"""Of a frame, in the mean."""
_SEED: Final = 1
_BLOCKS: Final = 30
"""Of ten cells each: what the head learns from, enough for what the commands ask."""
_COMMAND_S: Final = 300.0


def frames() -> list[bytes]:
    """640 x 480 JPEG frames of about 63 KB: windows of scikit-learn's two colour photographs, as quality makes them weigh that much."""
    dice = np.random.default_rng(_SEED)
    windows = []
    for number in range(FRAMES):
        picture = load_sample_images().images[number % 2]
        scale = dice.uniform(1.15, 1.5)
        grown = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        top, left = (int(dice.integers(0, grown.shape[axis] - size)) for axis, size in ((0, HEIGHT), (1, WIDTH)))
        windows.append(grown[top : top + HEIGHT, left : left + WIDTH, ::-1][:, :: 1 if number % 4 < 2 else -1])
    return _of_size(windows)


def _of_size(windows: Sequence[NDArray[np.uint8]]) -> list[bytes]:
    """The windows as JPEG at the first quality whose mean size reaches BYTES."""

    def encoded(quality: int) -> list[bytes]:
        return [
            cv2.imencode(".jpg", np.ascontiguousarray(one), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes() for one in windows
        ]

    wanted = BYTES * len(windows)
    best = bisect.bisect_left(range(70, 97), wanted, key=lambda quality: sum(map(len, encoded(quality))))
    return encoded(70 + best)


def lite0() -> Path:
    """The repository with version 1 of model `lite0`, trained by `retrain.bootstrap` where it is not there yet. Raises RuntimeError."""

    def make(home: Path) -> None:
        cells, pictures = photographs.load()
        blocks = scenario.deal(cells, _SEED).bootstrap[:_BLOCKS]
        index = first_version.write_frames(home / "cells", blocks, pictures)
        command = first_version.command(home / "repository", home / "store", "lite0", index, _SEED, CACHE / "backbone")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
        if done.returncode:
            raise RuntimeError(f"the version could not be trained: {done.stderr.strip()[-600:]}")

    return _kept("lite0", make)


def near_empty() -> Path:
    """The repository with version 1 of model `empty`, whose reference frames are the frames that are sent."""
    return _kept("empty", lambda home: publish_near_empty(home / "repository", frames()))


def version_folder(repository: Path) -> Path:
    """The folder of version 1, as a peer reads it."""
    (found,) = repository.glob("models/*/1")
    return found


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    """The repository that `make` writes into a folder, kept under a digest of the code that decides how it comes out."""
    kept = CACHE / "versions" / f"{name}-{_digest()}"
    if not kept.exists():
        home = CACHE / "making" / name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        make(home)
        for old in kept.parent.glob(f"{name}-*"):
            shutil.rmtree(old, ignore_errors=True)
        first_version.keep(home / "repository", kept)
        shutil.rmtree(home)
    return kept


def _digest() -> str:
    found = hashlib.sha256(first_version.digest_of_code(ROOT).encode())
    for path in (Path(__file__), Path(__file__).with_name("near_empty.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
