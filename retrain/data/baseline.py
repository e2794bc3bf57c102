"""Builds a version's baseline: the frames that it will see, as the production path saw them, with probabilities of heads that never learned from them.

Which frames. At bootstrap and import: all reference frames. After a retraining: the new domain's labelled frames only, trained-on ones included with
their out-of-fold probabilities. Measured on ELPV: a baseline that mixes old and new alarms on the new stream for ever; out-of-fold and live confidences
agree (.834 and .836 mean, Kolmogorov-Smirnov p .41 over 20 seeds), so the trained-on frames need not be thrown away.

Which axes. Those of all embeddings at hand, old and new, scaled to unit variance on the new ones: axes fitted to 240 new frames alone fit their noise
(live variance on the last sixteen is .53 instead of 1; with the pooled axes .81), and would be blind to the return of the old kind.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from contracts.baseline import MIN_FRAMES, Baseline, principal_axes
from contracts.errors import VersionError
from retrain.models.session import Floats, Views


def baseline_of(
    labels: tuple[str, ...],
    seen: Views,
    probabilities: NDArray[np.float64],
    truth: NDArray[np.int64] | None,
    groups: Sequence[str],
    others: Floats | None = None,
) -> Baseline:
    """The baseline of N reference frames, recording after recording; `truth` None where unknown; `others` [M, D] help to find the axes.

    Raises VersionError for fewer than MIN_FRAMES frames.
    """
    if len(seen) < MIN_FRAMES:
        raise VersionError(
            f"a baseline needs at least {MIN_FRAMES} reference frames, there are {len(seen)}: give more of what the cameras see"
        )
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    number = np.array([numbers[group] for group in groups], dtype=np.int32)
    # Recordings of several cameras run side by side: each is brought together, because the monitor takes neighbouring rows for neighbouring frames.
    order = np.argsort(number, kind="stable")
    number, seen, probabilities = number[order], seen.rows(order), probabilities[order]
    truth = None if truth is None else truth[order]
    centre, axes = _axes(seen.embedding, others)
    unscaled = Baseline(
        labels=labels,
        statistics=seen.statistics,
        embedding=np.zeros((len(seen), len(axes)), dtype=np.float32),
        probabilities=probabilities.astype(np.float32),
        truth=np.full(len(seen), -1, dtype=np.int32) if truth is None else truth.astype(np.int32),
        group=number,
        centre=centre,
        axes=axes,
    )
    return _projected(unscaled, seen.embedding)


def _axes(embedding: Floats, others: Floats | None) -> tuple[Floats, Floats]:
    """The centre of `embedding` and axes on which it has unit variance."""
    if others is None or not len(others):
        return principal_axes(embedding)
    _, axes = principal_axes(np.concatenate([others, embedding]))
    centre = embedding.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = ((embedding - centre) @ axes.T).std(axis=0, ddof=1)
    kept = (
        deviation > 1e-3
    )  # the pooled deviation is 1: an axis on which the new frames do not move at all would only amplify rounding
    return centre, np.asarray(axes[kept] / deviation[kept, None], dtype=np.float32)


def _projected(baseline: Baseline, embedding: Floats) -> Baseline:
    return Baseline(
        baseline.labels,
        baseline.statistics,
        baseline.project(embedding),
        baseline.probabilities,
        baseline.truth,
        baseline.group,
        baseline.centre,
        baseline.axes,
    )
