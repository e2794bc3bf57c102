"""The baseline of a detector: its reference frames as the production path saw them, with what its boxes are watched by."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from contracts import box_statistics
from contracts.baseline import Baseline
from contracts.predictions import Box, Detections
from retrain.data.baseline import baseline_of
from retrain.models.session import Floats, Views


def box_baseline(
    labels: tuple[str, ...],
    seen: Views,
    said: Sequence[Sequence[Box]],
    sizes: Sequence[tuple[int, int]],
    groups: Sequence[str],
    others: Floats | None = None,
) -> Baseline:
    """The baseline of N reference frames of the given width and height as sent, recording after recording; `others` [M, D] help to find the axes.

    Raises VersionError for too few frames.
    """
    first = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    order = np.argsort([first[group] for group in groups], kind="stable")
    answers = [box_statistics.vector(Detections(tuple(said[i])), labels, *sizes[i]) for i in order.tolist()]
    nothing = np.zeros((len(seen), 0))
    made = baseline_of(labels, seen.rows(order), nothing, None, [groups[i] for i in order.tolist()], others)
    return replace(made, answers=np.array(answers, np.float32).reshape(len(order), len(labels) + 2))
