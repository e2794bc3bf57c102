"""How well a detector that is being trained finds what it should on frames that it does not learn from."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from contracts.detections import Way, detections
from contracts.frames import Pixels
from contracts.predictions import Box, BoxesTruth
from contracts.quality_detection import match, mean_average_precision
from retrain.models.export import by_torch
from retrain.models.network import Network

_AT_ONCE: Final = 16


def said(network: Network, frames: Sequence[Pixels], ways: Sequence[Way]) -> list[tuple[Box, ...]]:
    """The boxes that a network finds in prepared frames, each in pixels of its frame as sent; none where its answer is no number."""
    found: list[tuple[Box, ...]] = []
    for start in range(0, len(frames), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        for rows, way in zip(by_torch(network, [np.asarray(frame) for frame in frames[part]])[1], ways[part], strict=True):
            one = detections(rows, network.built.labels, way)
            found.append(() if one is None else one.boxes)
    return found


def average_precision(frames: Sequence[Pixels], truth: Sequence[BoxesTruth], ways: Sequence[Way]) -> Callable[[Network], float]:
    """A judge for the training loop: mean average precision at IoU 0.5 on N prepared frames. Raises ValueError without a true box among them."""
    if not any(one.boxes for one in truth):
        raise ValueError(f"{len(truth)} frames without a true box judge no detector")

    def judge(network: Network) -> float:
        found = mean_average_precision(
            [match(one.boxes, boxes) for one, boxes in zip(truth, said(network, frames, ways), strict=True)]
        )
        assert found is not None  # there are true boxes
        return found

    return judge
