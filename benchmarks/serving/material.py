"""What is served and what is sent: versions made by the product's own commands, and photographs as a camera would send them. Kept in the cache folder.

The model is EfficientNet-lite0 at 224 px with a head trained on solar cells; the near-empty one answers from the means of a coarse grid at the same input
size, so that what is left of a request's cost is the server's.
"""

import bisect
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_sample_images

from standalone import first_version, photographs, scenario

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / ".cache" / "bench-serving"
"""The one folder that outlives a run: the peers' environments and the versions. Git ignores it; `make clean` removes it."""
FRAMES: Final = 32
WIDTH, HEIGHT = 640, 480
BYTES: Final = 63_000
"""Of a frame, in the mean."""
SIDE: Final = 224
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
    """The repository with version 1 of model `lite0`, trained by `retrain.bootstrap` where it is not there yet."""

    def make(home: Path, index: Path) -> list[str]:
        return first_version.command(home / "repository", home / "store", "lite0", index, _SEED, CACHE / "backbone")

    return _kept("lite0", make)


def near_empty() -> Path:
    """The repository with version 1 of model `empty`, imported as any ONNX file is."""

    def make(home: Path, index: Path) -> list[str]:
        model = home / "empty.onnx"
        model.write_bytes(_near_empty_onnx())
        where = ["--repository", str(home / "repository"), "--frame-store", str(home / "store")]
        about = ["--name", "empty", "--labels", "one,two", "--reference", str(index.parent), "--scale", "1", "--layout", "nhwc"]
        return [sys.executable, "-m", "retrain.import_model", str(model), *about, *where]

    return _kept("empty", make)


def version_folder(repository: Path) -> Path:
    """The folder of version 1, as a peer reads it."""
    (found,) = repository.glob("models/*/1")
    return found


def _kept(name: str, make: Callable[[Path, Path], list[str]]) -> Path:
    """The repository that a command makes in a folder, kept under a digest of the code that decides how it comes out."""
    kept = CACHE / "versions" / f"{name}-{_digest()}"
    if not kept.exists():
        home = CACHE / "making" / name
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        cells, pictures = photographs.load()
        blocks = scenario.deal(cells, _SEED).bootstrap[:_BLOCKS]
        index = first_version.write_frames(home / "cells", blocks, pictures)
        done = subprocess.run(make(home, index), cwd=ROOT, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
        if done.returncode:
            raise RuntimeError(f"the version {name!r} could not be made: {done.stderr.strip()[-600:]}")
        first_version.keep(home / "repository", kept)
        shutil.rmtree(home)
    return kept


def _digest() -> str:
    return hashlib.sha256((first_version.digest_of_code(ROOT) + Path(__file__).read_text()).encode()).hexdigest()[:16]


def _near_empty_onnx() -> bytes:
    """float [N, 224, 224, 3] to logits [N, 2]: every 32nd pixel, a linear layer."""
    cells = 3 * (SIDE // 32) ** 2
    weights = np.random.default_rng(_SEED).normal(0, 1e-3, (cells, 2)).astype(np.float32)
    constants = {"from": np.array([16, 16]), "to": np.array([SIDE, SIDE]), "axes": np.array([1, 2]), "steps": np.array([32, 32])}
    nodes = [
        helper.make_node("Slice", ["image", *constants], ["grid"]),
        helper.make_node("Flatten", ["grid"], ["features"]),
        helper.make_node("Gemm", ["features", "weights"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "empty",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in {**constants, "weights": weights}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
