"""The figures of a report that are ours: how far each column's current values lie from the reference, beside what Evidently makes of the same rows."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from contracts.quality import Metric, wilson
from monitor.detectors import distances
from monitor.detectors.distances import Histogram, histogram
from monitor.report.rows import Answers, Rows

SAID: Final = "predicted class"
"""The column of predicted classes."""


class Figure(NamedTuple):
    """One column. `reference` and `current` are medians (None for classes); `evidently` is Evidently's distance of the same kind, on the same rows.

    Wasserstein is its kind for numbers (over the reference's standard deviation), Jensen-Shannon for classes. `psi_all` is over every frame of the
    incident that was read, from a histogram; the others are over the rows that are laid out.
    """

    column: str
    reference: float | None
    current: float | None
    wasserstein: float | None
    jensen_shannon: float
    psi: float
    psi_all: float | None
    evidently: float | None = None

    @property
    def distance(self) -> float:
        """What Evidently's figure is compared with."""
        return self.jensen_shannon if self.wasserstein is None else self.wasserstein


class Everything:
    """Histograms of all frames that were read, whatever their number; the reference fixes the bins."""

    def __init__(self, reference: Rows) -> None:
        self.frames = 0
        self._known = [histogram(column) for column in reference.values.T]
        self._seen = [one.empty_like() for one in self._known]

    def take(self, rows: Rows) -> None:
        """Count rows."""
        if len(rows):
            self.frames += len(rows)
            for one, column in zip(self._seen, rows.values.T, strict=True):
                one.take(column)

    def pairs(self) -> list[tuple[Histogram, Histogram]]:
        """Reference and current, by column."""
        return list(zip(self._known, self._seen, strict=True))


def compare(reference: Rows, current: Rows, everything: Everything) -> list[Figure]:
    """Every column's figures, the farthest first. Both must have rows."""
    figures = []
    for i, (name, pair) in enumerate(zip(reference.columns, everything.pairs(), strict=True)):
        a, b = reference.values[:, i], current.values[:, i]
        counts = distances.binned(a, b)
        figures.append(
            Figure(
                name,
                float(np.median(a)),
                float(np.median(b)),
                distances.wasserstein(a, b),
                distances.jensen_shannon(*counts),
                distances.psi(*counts),
                pair[0].psi(pair[1]),
            )
        )
    if reference.said and current.said:
        counted = distances.counted(reference.said, current.said)
        figures.append(Figure(SAID, None, None, None, distances.jensen_shannon(*counted), distances.psi(*counted), None))
    return sorted(figures, key=lambda figure: (-figure.jensen_shannon, figure.column))


def beside(figures: Sequence[Figure], evidently: Mapping[str, float]) -> list[Figure]:
    """The figures with Evidently's, by column."""
    return [figure._replace(evidently=evidently.get(figure.column)) for figure in figures]


class Right(NamedTuple):
    """How often answers were right on each side: over all frames (`accuracy`), or those whose truth is a class (`recall of`). None without frames."""

    name: str
    reference: Metric | None
    current: Metric | None


def rights(reference: Answers, current: Answers) -> list[Right]:
    """Accuracy, and the recall of each class in order of name, with Wilson's 95 % intervals; [] without labels."""
    if not current.truth:
        return []
    classes = sorted({*reference.truth, *current.truth})
    found = [Right("accuracy", _right(reference), _right(current))]
    return found + [Right(f"recall of {name}", _right(reference, name), _right(current, name)) for name in classes]


def _right(answers: Answers, of: str | None = None) -> Metric | None:
    hits = [truth == said for truth, said in zip(answers.truth, answers.said, strict=True) if of in (None, truth)]
    return wilson(sum(hits), len(hits)) if hits else None
