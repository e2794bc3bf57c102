"""What every server here does with a frame: the same decoding, fitting and model, so that frameworks are compared and not decoders.

Imported in the peers' environments too: it stands on `contracts`, numpy and ONNX Runtime alone.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from contracts import frames, manifest
from contracts.frames import Pixels

VERSION: Final = "KEEPSIGHT_TEST_BENCH_VERSION"
"""The variable that tells a peer the folder of the version."""
MAX_BATCH: Final = 8
WORKERS: Final = 2


class Job:
    """A version of the model repository on one session of `threads` threads; 0 leaves ONNX Runtime its defaults."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._manifest = manifest.decode((folder / manifest.MANIFEST).read_bytes(), str(folder))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads:
            options.intra_op_num_threads = options.inter_op_num_threads = threads
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(str(folder / manifest.MODEL), options, providers=["CPUExecutionProvider"])

    @classmethod
    def named(cls, threads: int = 1) -> "Job":
        """The version that the environment names."""
        return cls(Path(os.environ[VERSION]), threads)

    def prepared(self, content: bytes) -> Pixels:
        """An encoded frame as the model takes it, after the checks of its header. Raises FrameError."""
        return frames.see(content, self._manifest.input)

    def run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The scores [n, K] of prepared frames [n, height, width, 3]."""
        return np.asarray(self._session.run([self._manifest.scores], {self._manifest.input.name: pixels})[0])

    def probabilities(self, pixels: Sequence[Pixels]) -> list[list[float]]:
        """The probabilities of prepared frames, in the order of the version's labels."""
        scores = self.run(np.stack(pixels)) / self._manifest.temperature
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: list[list[float]] = (raised / raised.sum(axis=1, keepdims=True)).tolist()
        return found

    def answer(self, content: bytes) -> dict[str, float]:
        """The whole job on one frame: labels and their probabilities."""
        return self.told(self.probabilities([self.prepared(content)])[0])

    def told(self, row: Sequence[float]) -> dict[str, float]:
        """Probabilities as an answer."""
        return dict(zip(self._manifest.labels, row, strict=True))
