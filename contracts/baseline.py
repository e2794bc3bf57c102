"""What the monitor compares live frames with: `baseline.npz` of a version, made where it was trained or imported, read by serving and monitor.

It holds the reference frames as the production path saw them, one row a frame, in recording order: serving uses the projection of the embedding,
the monitor calibrates its thresholds on the rows out of fold.
"""

import io
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contracts.arrays import arrays
from contracts.errors import VersionError
from contracts.statistics import NUMERIC

AXES: Final = 32
"""Embedding axes that travel in an event (principal components of the reference)."""
MIN_FRAMES: Final = 64
"""Fewer reference frames than this calibrate nothing."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Reference frames of a version; N rows in recording order, K classes, D embedding dimensions, A axes (at most AXES).

    `truth` is the index of the true class, -1 where unknown; `group` numbers recordings: rows of one group are neighbours in time and space. A
    detector's frames have `answers` instead of probabilities, and no true class.
    """

    labels: tuple[str, ...]
    statistics: Floats
    """[N, len(NUMERIC)] in the units of contracts/statistics.py."""
    embedding: Floats
    """[N, A]: the embeddings on the axes."""
    probabilities: Floats
    """[N, K] after temperature; [N, 0] of a detector."""
    truth: NDArray[np.int32]
    group: NDArray[np.int32]
    centre: Floats
    """[D]: the mean of the reference embeddings."""
    axes: Floats
    """[A, D]: principal axes, scaled so that the reference has unit variance on each."""
    answers: Floats | None = None
    """[N, K + 2] of a detector: what its boxes are watched by (see contracts/box_statistics.py). None of a classifier."""

    def project(self, embeddings: Floats) -> Floats:
        """Embeddings [n, D] on the axes: [n, A]. One definition for the reference and for live frames."""
        return np.asarray((embeddings - self.centre) @ self.axes.T, dtype=np.float32)

    def __len__(self) -> int:
        return len(self.statistics)


def principal_axes(embeddings: Floats, axes: int = AXES) -> tuple[Floats, Floats]:
    """The centre [D] and the whitened principal axes [A, D] of embeddings [N, D]; axes without variance are left out (A may be 0).

    Without variance is a deviation under 1e-6 of the largest value: that much is rounding in float32, and whitening would blow it up into a signal.
    """
    exact = embeddings.astype(np.float64)
    centre = exact.mean(axis=0)
    _, singular, components = np.linalg.svd(exact - centre, full_matrices=False)
    scale = singular / np.sqrt(max(1, len(exact) - 1))
    kept = min(axes, int((scale > 1e-6 * np.abs(exact).max()).sum()), len(exact) - 1)
    return centre.astype(np.float32), (components[:kept] / scale[:kept, None]).astype(np.float32)


def encode(baseline: Baseline) -> bytes:
    """The bytes of baseline.npz. No pickle inside."""
    stream = io.BytesIO()
    answers: dict[str, Any] = {} if baseline.answers is None else {"answers": baseline.answers.astype(np.float32)}
    np.savez_compressed(
        stream,
        schema=np.int32(1),
        labels=np.array(baseline.labels, dtype=np.str_),
        statistic_names=np.array(NUMERIC, dtype=np.str_),
        statistics=baseline.statistics.astype(np.float32),
        embedding=baseline.embedding.astype(np.float32),
        probabilities=baseline.probabilities.astype(np.float32),
        truth=baseline.truth.astype(np.int32),
        group=baseline.group.astype(np.int32),
        centre=baseline.centre.astype(np.float32),
        axes=baseline.axes.astype(np.float32),
        **answers,
    )
    return stream.getvalue()


def decode(content: bytes, where: str) -> Baseline:
    """Read baseline.npz. Raises VersionError naming `where` and what is wrong."""
    try:
        found = arrays(content)
        names = tuple(str(name) for name in found["statistic_names"])
        baseline = Baseline(
            tuple(str(label) for label in found["labels"]),
            *(found[name] for name in ("statistics", "embedding", "probabilities", "truth", "group", "centre", "axes")),
        )
        if "answers" in found:
            baseline = replace(baseline, answers=found["answers"])
    except Exception as error:  # see arrays: ten kinds
        raise VersionError(f"{where}/baseline.npz cannot be read: {error!r}") from error
    if names != NUMERIC:
        raise VersionError(
            f"{where}/baseline.npz has the statistics {names}; this release measures {NUMERIC}. Rebuild the version's baseline"
        )
    _check(baseline, where)
    return baseline


def _check(baseline: Baseline, where: str) -> None:
    n, k = baseline.statistics.shape[:1], len(baseline.labels)
    a, d = baseline.axes.shape[:1], baseline.centre.shape[:1]
    detects = baseline.answers is not None
    shapes = {
        "statistics": (*n, len(NUMERIC)),
        "embedding": (*n, *a),
        "probabilities": (*n, 0 if detects else k),
        "truth": n,
        "group": n,
        "centre": d,
        "axes": (*a, *d),
        **({"answers": (*n, k + 2)} if detects else {}),
    }
    for name, wanted in shapes.items():
        array = getattr(baseline, name)
        if array.shape != wanted:
            raise VersionError(f"{where}/baseline.npz: {name} has shape {array.shape}, expected {wanted}")
        if array.dtype.kind not in "if" or not np.isfinite(array).all():
            raise VersionError(f"{where}/baseline.npz: {name} has values that are not finite numbers")
    if len(baseline) and not -1 <= baseline.truth.min() <= baseline.truth.max() < (0 if detects else k):
        raise VersionError(f"{where}/baseline.npz: truth has a class outside -1 to {-1 if detects else k - 1}")
