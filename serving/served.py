"""A version held ready: its sessions, one a worker, and from pixels to finite probabilities and embeddings.

A version is loaded beside the ones in service, checked against its manifest and warmed up before it may answer; whatever is wrong with it is a
VersionError here, never a surprise for a camera.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.manifest import Manifest
from contracts.predictions import Classification, classification
from contracts.repository import Version

Provider = Literal["auto", "cpu", "cuda", "tensorrt"]
Floats = NDArray[np.float32]
_NAMES: Final = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}


@dataclass(frozen=True, slots=True)
class Scores:
    """What a version said of one frame: the prediction, the embedding on the baseline's axes, and all probabilities in the order of its labels."""

    prediction: Classification
    embedding: tuple[float, ...]
    probabilities: Sequence[float]


class Served:
    """Version `version` on `len(sessions)` one-thread sessions; worker i runs on session i and no other."""

    def __init__(self, version: Version, sessions: Sequence[Any]) -> None:
        self.manifest: Manifest = version.manifest
        self.digest = version.digest
        self.provider: str = sessions[0].get_providers()[0]
        self._baseline = version.baseline
        self._sessions = sessions
        shape = _input_of(version, sessions[0]).shape
        self._one_at_a_time = shape[0] == 1

    @property
    def version(self) -> str:
        """The version's name."""
        return self.manifest.version

    @property
    def axes(self) -> int:
        """How many numbers an embedding has."""
        return len(self._baseline.axes)

    def score(self, pixels: NDArray[np.uint8], worker: int) -> list[Scores | None]:
        """Score prepared frames [n, height, width, 3]; None for a frame whose scores or embedding are not finite."""
        scores, embedding = self.run(pixels, worker)
        probabilities = to_probabilities(scores, self.manifest)
        finite: NDArray[np.bool_] = np.isfinite(np.hstack([probabilities, embedding])).all(axis=1)
        reduced = self._baseline.project(np.where(finite[:, None], embedding, 0.0).astype(np.float32))
        return [
            Scores(classification(self.manifest.labels, row), tuple(round(float(value), 5) for value in axes), row)
            if good
            else None
            for row, axes, good in zip(probabilities.tolist(), reduced, finite, strict=True)
        ]

    def run(self, pixels: NDArray[np.uint8], worker: int) -> tuple[Floats, Floats]:
        """The graph's scores [n, K] and embedding [n, D] of prepared frames."""
        session, wanted, name = self._sessions[worker], [self.manifest.scores, self.manifest.embedding], self.manifest.input.name
        parts = [pixels[i : i + 1] for i in range(len(pixels))] if self._one_at_a_time else [pixels]
        outputs = [session.run(wanted, {name: part}) for part in parts]
        scores, embedding = (np.concatenate([np.asarray(output[k], np.float32) for output in outputs]) for k in (0, 1))
        return scores, embedding.reshape(len(embedding), -1)


def to_probabilities(scores: Floats, manifest: Manifest) -> NDArray[np.float64]:
    """Probabilities [n, K] of the graph's scores [n, K]: softmax of logits over temperature, or the probabilities normalised. NaN rows where undefined."""
    with np.errstate(all="ignore"):
        values = scores.astype(np.float64)
        if manifest.scores_are == "logits":
            values = values / manifest.temperature
            values = np.exp(values - values.max(axis=1, keepdims=True))
        else:
            values = np.where(values >= -1e-6, np.maximum(values, 0.0), np.nan)
        return np.asarray(values / values.sum(axis=1, keepdims=True))


def open_served(version: Version, workers: int, provider: Provider, max_batch: int) -> Served:
    """Load a version, check it against its manifest and warm it up at batch 1 and `max_batch`. Raises VersionError saying what is wrong."""
    manifest = version.manifest
    where = f"version {manifest.version!r} of model {manifest.model!r}"
    if manifest.task != "classification":
        raise VersionError(f"{where} has the task {manifest.task!r}; this release serves classification")
    try:
        sessions = [_session(version.model, provider) for _ in range(workers)]
        served = Served(version, sessions)
        _check_provider(served.provider, provider)
        for worker in range(workers):
            _warm_up(served, worker, sorted({1, max_batch}), len(version.baseline.centre))
    except VersionError as error:
        raise VersionError(f"{where}: {error}") from error
    except Exception as error:  # ONNX Runtime raises a family of its own, without a common base
        raise VersionError(f"{where} cannot be run by ONNX Runtime {ort.__version__}: {error}") from error
    return served


def _session(model: bytes, provider: Provider) -> Any:
    available = ort.get_available_providers()
    if provider in ("cuda", "tensorrt") and _NAMES[provider] not in available:
        raise VersionError(
            f"[serving] provider is {provider!r}, but this ONNX Runtime has only {available}: install keepsight[gpu], or set provider to cpu"
        )
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # A spinning pool doubles the CPU cost where cores are shared (measured: 62.7 against 16.4 ms a frame).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    wanted = [_NAMES["tensorrt"], _NAMES["cuda"]] if provider == "tensorrt" else [_NAMES["cuda"]] if provider != "cpu" else []
    return ort.InferenceSession(model, options, providers=[*(name for name in wanted if name in available), _NAMES["cpu"]])


def _check_provider(got: str, asked: Provider) -> None:
    """ONNX Runtime falls back to the CPU without raising when CUDA's libraries are missing."""
    if asked in ("cuda", "tensorrt") and got != _NAMES[asked]:
        raise VersionError(
            f"[serving] provider is {asked!r}, but the session runs on {got}: see that the GPU's driver and libraries are installed, or set provider to cpu"
        )


def _input_of(version: Version, session: Any) -> Any:
    """The graph's input, after checking names, type and shape against the manifest."""
    manifest = version.manifest
    inputs, outputs = {one.name: one for one in session.get_inputs()}, [one.name for one in session.get_outputs()]
    if set(inputs) != {manifest.input.name}:
        raise VersionError(f"its manifest names the input {manifest.input.name!r}, its graph takes {sorted(inputs)}")
    for name in (manifest.scores, manifest.embedding):
        if name not in outputs:
            raise VersionError(f"its manifest names the output {name!r}, its graph gives {outputs}")
    found = inputs[manifest.input.name]
    wanted = [manifest.input.height, manifest.input.width, 3]
    fits = len(found.shape) == 4 and all(
        not isinstance(got, int) or got == want for got, want in zip(found.shape[1:], wanted, strict=True)
    )
    if found.type != "tensor(uint8)" or not fits or (isinstance(found.shape[0], int) and found.shape[0] != 1):
        raise VersionError(
            f"its graph takes {found.type} {found.shape}, expected tensor(uint8) [N or 1, {', '.join(map(str, wanted))}]"
        )
    return found


def _warm_up(served: Served, worker: int, sizes: Sequence[int], embedding_size: int) -> None:
    """Run noise of a fixed seed through the graph and see that the outputs have the right shapes and are finite."""
    spec, classes = served.manifest.input, len(served.manifest.labels)
    for size in sizes:
        pixels = np.random.default_rng(0).integers(0, 256, (size, spec.height, spec.width, 3), dtype=np.uint8)
        scores, embedding = served.run(pixels, worker)
        if scores.shape != (size, classes) or embedding.shape != (size, embedding_size):
            raise VersionError(
                f"its graph answers scores {scores.shape} and embedding {embedding.shape} for {size} frames, expected {(size, classes)} "
                f"and {(size, embedding_size)}"
            )
        if not (np.isfinite(embedding).all() and np.isfinite(to_probabilities(scores, served.manifest)).all()):
            raise VersionError("its outputs are not finite numbers in the warm-up")
