"""From frames to the numbers that drift is judged on: one layout for reference rows and live frames.

A row is what one frame brings: its image statistics, its embedding on the version's axes, and what its answer does (see answers.py). `Layout.row` takes
it from an event; the reference's feature map turns rows into features whose block means the channels watch.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.events import FrameScored
from contracts.statistics import NUMERIC, vector
from monitor.detectors.ewma import Floats
from monitor.items.answers import Answers, IncompleteFrameError

Rows = NDArray[np.float32]
LOGARITHMIC: Final = ("sharpness", "noise")
"""Positive statistics that spread over decades: a ratio means the same at every level. Neighbours in NUMERIC."""
_COLUMNS: Final = slice(NUMERIC.index(LOGARITHMIC[0]), NUMERIC.index(LOGARITHMIC[-1]) + 1)
SMALLEST_CHANGE: Final[dict[str, float]] = {
    "luma_mean": 2.0,
    "contrast": 1.0,
    "sharpness": 0.1,
    "noise": 0.1,
    "luma_entropy": 0.1,
    "saturation": 0.02,
    "red_ratio": 0.02,
    "blue_ratio": 0.02,
    "clipped_dark": 0.005,
    "clipped_bright": 0.005,
}
"""A standard error is taken as at least this, in the statistic's unit (sharpness and noise: natural log). Nobody is called for one grey level, and a
statistic that was constant in the reference, as colour is in grey photographs, must not alarm at the first rounding."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a version's rows: the statistics, `axes` embedding coordinates, the answers."""

    answers: Answers
    axes: int

    @property
    def labels(self) -> tuple[str, ...]:
        """The version's classes."""
        return self.answers.labels

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return len(NUMERIC) + self.axes + self.answers.width

    def row(self, frame: FrameScored) -> list[float]:
        """The row of a live frame. Raises IncompleteFrameError."""
        said = self.answers.row(frame)
        if len(frame.embedding) != self.axes:
            raise IncompleteFrameError(f"frames carry {len(frame.embedding)} of the baseline's {self.axes} embedding axes")
        row = vector(frame.statistics)
        row += frame.embedding
        row += said
        return row

    def split(self, rows: Rows) -> tuple[Floats, Floats, Floats]:
        """Statistics [n, 10], embedding [n, axes] and the answers' numbers of rows [n, width], as float64."""
        wide = rows.astype(np.float64)
        end = len(NUMERIC) + self.axes
        return wide[:, : len(NUMERIC)], wide[:, len(NUMERIC) : end], wide[:, end:]


def levelled(statistics: Floats) -> Floats:
    """Image statistics [n, 10] as they are watched: the LOGARITHMIC ones as log(1e-3 + x)."""
    watched = statistics.copy()
    watched[:, _COLUMNS] = np.log(1e-3 + np.maximum(0, watched[:, _COLUMNS]))
    return watched
