"""Labelled frames as two models judge them, drawn: for the tests of gates."""

import numpy as np

from retrain.gates.evidence import Judged

LABELS = ("functional", "defective")


def judged(
    n: int, champion: float, candidate: float, seed: int, share: float = 0.3, together: float = 0.9, block: int = 1
) -> Judged:
    """Two models of the given accuracies on n frames; where both could be right they agree in the share `together`. Recordings of `block` frames."""
    random = np.random.default_rng(seed)
    truth = (random.random(n) < share).astype(np.int64)
    luck = random.random(n)
    own = np.where(random.random(n) < together, luck, random.random(n))

    def says(accuracy: float, fortune: np.ndarray) -> np.ndarray:
        said = np.where(fortune < accuracy, truth, 1 - truth)
        return np.where(np.arange(2)[None, :] == said[:, None], 0.8, 0.2)

    cameras = tuple(f"cam-{i % 3}" for i in range(n))
    return Judged(truth, says(champion, luck), says(candidate, own), cameras, tuple(f"r{i // block}" for i in range(n)))


def always(frames: Judged, label: int) -> Judged:
    """A candidate that names one class whatever it sees."""
    fixed = np.tile(np.where(np.arange(2) == label, 0.9, 0.1), (len(frames), 1))
    return Judged(frames.truth, frames.champion, fixed, frames.camera, frames.group)
