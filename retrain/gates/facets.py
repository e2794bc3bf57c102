"""By what a slice is cut besides class and camera: the light that a frame was taken in, and what its recording looks at."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LIGHTS: Final = ("dark", "medium", "bright")
VIEWPOINTS: Final = 4
RECORDINGS_EACH: Final = 3
"""Recordings to a viewpoint, at least on average: one of a single recording would be that recording."""
_ROUNDS: Final = 20


def light_of(luma: NDArray[np.float32], reference: NDArray[np.float32]) -> tuple[str, ...]:
    """Which third of the training set's light each frame's mean luma [N] falls into; () where there is no reference."""
    if not len(reference):
        return ()
    return tuple(LIGHTS[i] for i in np.searchsorted(np.quantile(reference, (1 / 3, 2 / 3)), luma))


def viewpoint_of(embedding: NDArray[np.float32], recordings: Sequence[str]) -> tuple[str, ...]:
    """Which of up to VIEWPOINTS alike-looking clusters each frame's recording is in, by its mean embedding; () for too few recordings to part.

    Lloyd's k-means from centres that lie farthest apart (Gonzalez 1985): no seed, the same frames in any order give the same clusters.
    """
    names, member = np.unique(np.asarray(recordings, dtype=np.str_), return_inverse=True)
    clusters = min(VIEWPOINTS, len(names) // RECORDINGS_EACH)
    if clusters < 2:
        return ()
    means = np.zeros((len(names), embedding.shape[1]), dtype=np.float64)
    np.add.at(means, member, embedding)
    means /= np.bincount(member)[:, None]
    centres = means[[int(_distances(means, means.mean(axis=0, keepdims=True))[:, 0].argmax())]]
    while len(centres) < clusters:
        centres = np.concatenate([centres, means[[int(_distances(means, centres).min(axis=1).argmax())]]])
    for _ in range(_ROUNDS):
        nearest = _distances(means, centres).argmin(axis=1)
        centres = np.stack([means[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(clusters)])
    return tuple(f"view {nearest[group] + 1}" for group in member)


def _distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared Euclidean distances [n, m]."""
    return np.asarray((first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None] - 2.0 * first @ second.T)
