"""Which frames are kept for labelling: a uniform random share of each camera, and, marked apart, those the model was least confident of.

The uniform share is what realised quality is measured on, so nothing about a frame may sway it. Pure but for its own state; one instance a server.
"""

import random
import threading
from typing import Final

from contracts.events import Sample

_FIRST_THRESHOLD: Final = 0.5
_STEP: Final = 0.05
"""Of the quantile's walk: with a share of 0.02 the threshold rises 0.001 a frame and falls 0.049 at a hit."""


class Sampler:
    """`choose` is called once for each answered frame. The same frames of a camera in the same order give the same choices (`seed` names the sequence)."""

    def __init__(self, uniform_share: float, uncertain_share: float, seed: str) -> None:
        self._uniform_share, self._uncertain_share, self._seed = uniform_share, uncertain_share, seed
        self._cameras: dict[str, tuple[random.Random, _LowestShare]] = {}
        self._lock = threading.Lock()

    def choose(self, camera: str, confidence: float) -> Sample | None:
        """Why this frame is kept, None when it is not. `confidence` is in [0, 1]."""
        with self._lock:
            if camera not in self._cameras:
                # Not for secrets: reproducible by camera is what is wanted.
                self._cameras[camera] = random.Random(f"{self._seed}/{camera}"), _LowestShare(self._uncertain_share)
            draw, lowest = self._cameras[camera]
            uncertain = lowest.holds(confidence)
            if draw.random() < self._uniform_share:
                return "uniform"
            return "uncertain" if uncertain else None


class _LowestShare:
    """Whether a value is among the lowest `share` of those seen lately: a threshold that walks to the quantile (Robbins and Monro, 1951).

    Each value moves the bounded threshold by `_STEP * (share - hit)`, so that the share of hits is `share` in the long run whatever the values are.
    """

    def __init__(self, share: float) -> None:
        self._share, self._threshold = share, _FIRST_THRESHOLD

    def holds(self, value: float) -> bool:
        hit = self._share > 0 and value < self._threshold
        self._threshold = min(1.0, max(0.0, self._threshold + _STEP * (self._share - hit)))
        return hit
