"""Chooses the network of a first version from what each came to: good enough, then fast. And the table that tells it to a person.

All are judged on the same frames. As good as the best is what a standard error of the difference does not part from it (the one-standard-error rule of
Breiman, Friedman, Olshen and Stone 1984, on paired answers), or less than TIE; of those the one with the least median CPU time a frame is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrain.training.technique import TIE

COLUMNS: Final = (
    "network", "side", "balanced accuracy", "accuracy", "CPU ms a frame", "p99", "peak MiB", "model MiB", "minutes", "",
)  # fmt: skip
_ENDS: Final = (0, len(COLUMNS) - 1)
"""Columns of words."""
Share = tuple[float, float]
"""A mean and its standard error."""


@dataclass(frozen=True, slots=True)
class Row:
    """A network at a side.

    `right` [N] says which frames' truths it named, by heads that never saw their recordings; the shares in [0, 1] with standard errors. CPU milliseconds
    of a frame alone (median and 99th percentile), memory that it takes with a full batch, minutes that its training took. `failed`: why it came to
    nothing; its figures are 0 then.
    """

    recipe: str
    side: int
    right: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_), repr=False, compare=False)
    balanced: Share = (0.0, 0.0)
    accuracy: Share = (0.0, 0.0)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    peak_mib: float = 0.0
    model_mib: float = 0.0
    minutes: float = 0.0
    failed: str = ""
    why: str = ""
    chosen: bool = False


class Judge:
    """Means over N frames of known truth, with standard errors.

    Frames of a recording resemble each other: an error is of sums over whole recordings (Rao and Scott 1992), and no less than that of independent frames.
    """

    def __init__(self, truth: NDArray[np.int64], recordings: Sequence[str]) -> None:
        self._class = np.unique(truth, return_inverse=True)[1]
        self._recording = np.unique(np.asarray(recordings, dtype=object), return_inverse=True)[1]

    def accuracy(self, values: NDArray[np.float64]) -> Share:
        """The mean of `values` [N]."""
        return self._mean(values, np.zeros_like(self._class))

    def balanced(self, values: NDArray[np.float64]) -> Share:
        """The mean over the classes of their means of `values` [N]."""
        return self._mean(values, self._class)

    def _mean(self, values: NDArray[np.float64], part: NDArray[np.int64]) -> Share:
        counts = np.bincount(part)
        means = np.bincount(part, weights=values) / counts
        off = (values - means[part]) / (len(counts) * counts[part])
        sums = np.bincount(self._recording, weights=off)
        between = (sums**2).sum() * len(sums) / max(1, len(sums) - 1)
        return float(means.mean()), float(np.sqrt(max(between, (off**2).sum())))


def chosen(rows: Sequence[Row], judge: Judge, limit_ms: float | None = None) -> tuple[Row, ...]:
    """The rows with the chosen one marked, and why each was chosen or not. None is marked where all failed or are slower than the limit."""
    within = [row for row in rows if not row.failed and (limit_ms is None or row.p50_ms <= limit_ms)]
    if not within:
        return tuple(replace(row, why=row.failed or f"slower than {limit_ms:g} ms") for row in rows)
    best = max(within, key=lambda row: row.balanced[0])
    behind = {id(row): judge.balanced(best.right.astype(float) - row.right) for row in within}
    good = [row for row in within if behind[id(row)][0] <= max(TIE, behind[id(row)][1])]
    choice = min(good, key=lambda row: (row.p50_ms, -row.balanced[0]))

    def why(row: Row) -> str:
        if id(row) not in behind:
            return row.failed or f"slower than {limit_ms:g} ms"
        if row is best:
            return "chosen: the best" if row is choice else "the best"
        points, error = (100 * value for value in behind[id(row)])
        told = f"{points:.1f} ± {error:.1f} points behind the best"
        return f"chosen: {told}, the fastest of its like" if row is choice else told

    return tuple(replace(row, why=why(row), chosen=row is choice) for row in rows)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table that reads in a terminal too, the best first, what failed last."""
    ordered = sorted(rows, key=lambda row: (bool(row.failed), -row.balanced[0], row.p50_ms))
    lines = [COLUMNS, *map(_cells, ordered)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(COLUMNS))]
    padded = [
        [cell.ljust(width) if at in _ENDS else cell.rjust(width) for at, (cell, width) in enumerate(zip(line, widths, strict=True))]
        for line in lines
    ]
    rule = ["-" * width if at in _ENDS else "-" * (width - 1) + ":" for at, width in enumerate(widths)]
    return "".join(f"| {' | '.join(line)} |\n" for line in (padded[0], rule, *padded[1:]))


def _cells(row: Row) -> tuple[str, ...]:
    if row.failed:
        return (row.recipe, str(row.side), *["-"] * (len(COLUMNS) - 3), row.why)
    return (
        row.recipe,
        str(row.side),
        "{:.3f} ± {:.3f}".format(*row.balanced),
        "{:.3f} ± {:.3f}".format(*row.accuracy),
        f"{row.p50_ms:.2f}",
        f"{row.p99_ms:.2f}",
        f"{row.peak_mib:.0f}",
        f"{row.model_mib:.1f}",
        f"{row.minutes:.2f}",
        row.why,
    )
