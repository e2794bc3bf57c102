"""The ways of running that are measured, and the two things measured in each: our runtime as serving uses it, and ONNX Runtime with nothing around it."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from contracts.repository import Version
from serving.models.half import halved
from serving.models.providers import NAMES, Place
from serving.models.runners import buckets_to
from serving.models.runtime import How, providers

MOST: Final = 64
BATCHES: Final = buckets_to(MOST)
_CUDA: Final = How("cuda", MOST)
MODES: Final[dict[str, How]] = {
    "full": _CUDA,
    "full, CUDA graphs": replace(_CUDA, cuda_graphs=True),
    "half": replace(_CUDA, precision="half"),
    "half, CUDA graphs": replace(_CUDA, precision="half", cuda_graphs=True),
    "TensorRT, full": replace(_CUDA, provider="tensorrt"),
    "TensorRT, half": replace(_CUDA, provider="tensorrt", precision="half"),
}
Run = Callable[[NDArray[np.uint8]], object]


def modes(quick: bool) -> dict[str, How]:
    """What to measure: TensorRT, which compiles for minutes, not in the quick version."""
    engines = Path(tempfile.gettempdir()) / "keepsight-bench-engines"
    found = {name: replace(how, engines=engines) for name, how in MODES.items()}
    return {name: how for name, how in found.items() if not quick or how.provider == "cuda"}


def bare(version: Version, how: How) -> Run:
    """A session with ONNX Runtime's own options but the convolution search, whose input goes up and outputs come down in every run, as ours do."""
    model = halved(version.model) if how.precision == "half" and how.provider == "cuda" else version.model
    options = ort.SessionOptions()
    options.log_severity_level = 3
    place: Place = "cuda" if how.provider == "auto" else how.provider
    asked = [NAMES["cpu"]] if place == "cpu" else providers(version, place, 0, replace(how, cuda_graphs=False))
    session = ort.InferenceSession(model, options, providers=asked)
    if session.get_providers()[0] != NAMES[place]:
        raise RuntimeError(f"ONNX Runtime fell back to {session.get_providers()}")
    manifest = version.manifest
    names = [manifest.scores, manifest.embedding]

    def run(frames: NDArray[np.uint8]) -> Any:
        return session.run(names, {manifest.input.name: frames})

    return run


def frames_of(version: Version, count: int) -> NDArray[np.uint8]:
    """`count` prepared frames: the golden ones, again and again."""
    golden = version.golden
    if golden is None:
        raise RuntimeError("the version has no golden frames")
    return np.ascontiguousarray(golden.pixels[np.arange(count) % len(golden)])
