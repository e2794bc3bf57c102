"""How the columns that lie farthest from the reference are distributed, before and now: what an incident's page draws, from the rows of its report."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from monitor.report.figures import SAID, Figure
from monitor.report.rows import Floats, Rows

MOST: Final = 6
BINS: Final = 24
EDGE: Final = 0.005
"""Of both sides together, what may lie beyond either end of the axis: it is counted in the outermost bins."""
MOST_CLASSES: Final = 12


class Shape(msgspec.Struct, frozen=True):
    """One column. Shares of frames add up to 1 on each side: by bins of equal width from `low` to `high`, or by `classes`."""

    column: str
    distance: float
    """Jensen-Shannon: 0 where both sides are the same, 1 where they have nothing in common."""
    reference: tuple[float, ...]
    current: tuple[float, ...]
    low: float = 0.0
    high: float = 0.0
    classes: tuple[str, ...] = ()


def shapes(reference: Rows, current: Rows, figures: Sequence[Figure]) -> tuple[Shape, ...]:
    """The first MOST of the figures, in their order. Both sides must have rows."""
    return tuple(_shape(reference, current, figure) for figure in figures[:MOST])


def encode(found: Sequence[Shape]) -> bytes:
    """As a file."""
    return msgspec.json.encode(tuple(found))


def decode(content: bytes) -> tuple[Shape, ...]:
    """Read the file. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(content, type=tuple[Shape, ...])


def _shape(reference: Rows, current: Rows, figure: Figure) -> Shape:
    if figure.column == SAID:
        return _of_classes(reference.said, current.said, figure.jensen_shannon)
    at = reference.columns.index(figure.column)
    a, b = reference.values[:, at], current.values[:, at]
    low, high = (float(edge) for edge in np.quantile(np.concatenate([a, b]), (EDGE, 1 - EDGE)))
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return Shape(figure.column, figure.jensen_shannon, _shares(a, low, high), _shares(b, low, high), low, high)


def _shares(values: Floats, low: float, high: float) -> tuple[float, ...]:
    counts = np.histogram(np.clip(values, low, high), BINS, (low, high))[0]
    return tuple(round(float(share), 5) for share in counts / len(values))


def _of_classes(reference: Sequence[str], current: Sequence[str], distance: float) -> Shape:
    before, now = Counter(reference), Counter(current)
    names = sorted({*before, *now}, key=lambda name: (-max(before[name] / len(reference), now[name] / len(current)), name))
    names = names[:MOST_CLASSES]
    sides = ((before, len(reference)), (now, len(current)))
    a, b = (tuple(round(counts[name] / n, 5) for name in names) for counts, n in sides)
    return Shape(SAID, distance, a, b, classes=tuple(names))
