"""How a run went, epoch by epoch, and its picture."""

import io
from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.errors import VersionError

_LOSS: Final = "#b7410e"
_SCORE: Final = "#0b7285"
_SOFT: Final = "#52606d"
"""Rust and teal stay apart for colour-blind eyes."""


class Point(msgspec.Struct, frozen=True):
    """An epoch (0: before the first): its mean training loss (None before the first), the validation score after it, the last stage's rate at its end."""

    epoch: int
    loss: float | None
    score: float
    rate: float
    seconds: float


def picture(curve: Sequence[Point], title: str) -> bytes:
    """A PNG of 800 x 480 pixels with training loss and validation score over the epochs, the best marked. Raises VersionError without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise VersionError(f"the picture of a run needs matplotlib: {error}") from error
    figure = Figure(figsize=(8, 4.8), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    left = figure.subplots()
    right = left.twinx()
    learned = [point for point in curve if point.loss is not None]
    left.plot([p.epoch for p in learned], [p.loss or 0.0 for p in learned], color=_LOSS, marker="o", markersize=3)
    right.plot([p.epoch for p in curve], [p.score for p in curve], color=_SCORE, marker="o", markersize=3)
    if curve:
        best = max(curve, key=lambda point: (point.score, -point.epoch))
        right.plot([best.epoch], [best.score], color=_SCORE, marker="o", markersize=10, fillstyle="none")
        right.annotate(
            f"{best.score:.3f}", (best.epoch, best.score), (0, -16), textcoords="offset points", ha="center", color=_SCORE
        )
    left.set_xlabel("epoch", color=_SOFT)
    left.set_ylabel("training loss", color=_LOSS)
    right.set_ylabel("validation score", color=_SCORE)
    left.set_ylim(bottom=0.0)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_title(title, loc="left", fontsize=11, parse_math=False)
    for axes in (left, right):
        axes.spines["top"].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
