"""A version held ready: from pixels to predictions and embeddings that are finite.

A version is loaded beside the ones in service, checked against its manifest, warmed up and held to its golden frames before it may answer; whatever is
wrong with it is a VersionError here, never a surprise for a camera.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.frame_header import Header
from contracts.manifest import Manifest
from contracts.predictions import Prediction
from contracts.repository import Version
from serving.models.acceptance import check_golden, warm_up
from serving.models.answers import reader
from serving.models.providers import Place, Reason
from serving.models.runners import Floats
from serving.models.runtime import Opened, Runtime
from serving.telemetry.fared import Fared


@dataclass(frozen=True, slots=True)
class Scores:
    """What a version said of one frame: the prediction, the embedding on the baseline's axes, and of a classifier all probabilities in the order of its
    labels."""

    prediction: Prediction
    embedding: tuple[float, ...]
    probabilities: Sequence[float]


class Served:
    """Version `version` on the runners opened for it; worker i runs on runner i, counted round."""

    def __init__(self, version: Version, opened: Opened, shape: tuple[int, ...]) -> None:
        self.manifest: Manifest = version.manifest
        self.digest = version.digest
        self.provider = opened.runners[0].provider
        self.places: Mapping[Place, Reason] = opened.choice.reasons
        """Of each place where it could run: that it runs there, or why not."""
        self.fared = Fared()
        self.shape = shape
        """Of the graph's answer to one frame: [K] scores, or [M, 6] boxes."""
        self.golden_frames = len(version.golden) if version.golden else 0
        self._baseline = version.baseline
        self._runners = opened.runners
        self._reader = reader(version.manifest)

    @property
    def version(self) -> str:
        """The version's name."""
        return self.manifest.version

    @property
    def axes(self) -> int:
        """How many numbers an embedding has."""
        return len(self._baseline.axes)

    @property
    def one_by_one(self) -> bool:
        """Whether frames gain nothing from being scored together."""
        return all(runner.sizes == (1,) for runner in self._runners)

    def score(self, pixels: NDArray[np.uint8], headers: Sequence[Header], worker: int) -> list[Scores | None]:
        """Score prepared frames [n, height, width, 3], sent with these `headers`; None for a frame whose answer or embedding is not finite."""
        answers, embedding = self.run(pixels, worker)
        with np.errstate(all="ignore"):  # what is not finite stays so, and is found below
            reduced = self._baseline.project(embedding)
        axes = np.round(reduced.astype(np.float64), 5).tolist()
        return [
            Scores(said.prediction, tuple(values), said.probabilities) if said and math.isfinite(sum(values)) else None
            for said, values in zip(self._reader.read(answers, headers), axes, strict=True)
        ]

    def run(self, pixels: NDArray[np.uint8], worker: int) -> tuple[Floats, Floats]:
        """The graph's answers, scores [n, K] or boxes [n, M, 6], and embedding [n, D] of prepared frames."""
        return self._runners[worker % len(self._runners)].run(pixels)


def open_served(version: Version, runtime: Runtime) -> Served:
    """Load a version, check it against its manifest, warm it up and ask it its golden frames. Raises VersionError saying what is wrong."""
    manifest = version.manifest
    where = f"version {manifest.version!r} of model {manifest.model!r}"
    try:
        opened = runtime.open(version)
        for runner in opened.runners:
            shape = warm_up(version, runner)
            check_golden(version, runner, opened.precision)
    except VersionError as error:
        raise VersionError(f"{where}: {error}") from error
    except Exception as error:  # ONNX Runtime raises a family of its own, without a common base
        hint = "; [serving] cuda_graphs is on, which not every graph can take: try false" if runtime.how.cuda_graphs else ""
        raise VersionError(f"{where} cannot be run by ONNX Runtime {ort.__version__}: {error}{hint}") from error
    return Served(version, opened, shape)
