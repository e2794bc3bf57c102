"""The figures of a verdict's page as HTML and SVG: the grid of the stress gate, and the curve of a training run."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from retrain.gates.changed import Cell
from retrain.gates.corruptions import CORRUPTIONS

_WIDTH: Final = 760
_HEIGHT: Final = 260
_EDGE: Final = 48


class Point(NamedTuple):
    """An epoch of a run: the mean loss of training (None before the first) and the validation score after it."""

    epoch: int
    loss: float | None
    score: float


def stress_grid(grid: Mapping[str, Sequence[Cell]], what: str) -> str:
    """Error of the candidate by class and corruption, the champion's in brackets, tinted by the difference; "" for none. `what` is counted, in words."""
    if not grid:
        return ""
    head = "".join(f'<th scope="col" class="number">{escape(name)}</th>' for name in CORRUPTIONS)
    rows = "".join(
        f'<tr><th scope="row" class="name">{escape(label)} <span class="soft">({cells[0].frames})</span></th>'
        f"{''.join(map(_cell, cells))}</tr>"
        for label, cells in grid.items()
    )
    return (
        f'<section id="stress"><h2>Under stress</h2><div class="card"><table><caption>{escape(what)} in %: the candidate’s (the champion’s) on sealed '
        f'frames under each corruption, by class and number of images.</caption><thead><tr><th scope="col">class</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _cell(cell: Cell) -> str:
    moved = cell.candidate - cell.champion
    tint = min(40, round(abs(moved) * 150))
    colour = (
        f' style="background: color-mix(in srgb, var(--{"bad" if moved > 0 else "good"}) {tint}%, transparent)"' if tint else ""
    )
    return f'<td class="number"{colour}>{100 * cell.candidate:.0f} <span class="soft">({100 * cell.champion:.0f})</span></td>'


def training_curve(curve: Sequence[Point]) -> str:
    """Training loss and validation score over the epochs, the best score marked; "" for fewer than two epochs."""
    if len(curve) < 2:
        return ""
    learned = [(point.epoch, point.loss) for point in curve if point.loss is not None]
    best = max(curve, key=lambda point: (point.score, -point.epoch))
    scores = [(point.epoch, point.score) for point in curve]
    first, last = curve[0].epoch, curve[-1].epoch
    lines = _line(learned, first, last, 0.0, "var(--bad)") + _line(scores, first, last, min(y for _, y in scores), "var(--good)")
    x = _EDGE + (best.epoch - first) / max(1, last - first) * (_WIDTH - 2 * _EDGE)
    return (
        f'<section id="curve"><h2>Training</h2><div class="card"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Training curve">{lines}'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{_HEIGHT - 40}" stroke="var(--soft)" stroke-dasharray="3 4"/>'
        f'<text x="{x:.1f}" y="14" text-anchor="middle">epoch {best.epoch}: {best.score:.3f}</text>'
        f'<text x="{_EDGE}" y="{_HEIGHT - 8}">epoch {first}</text><text x="{_WIDTH - _EDGE}" y="{_HEIGHT - 8}" text-anchor="end">epoch {last}</text></svg>'
        f'<p class="soft"><b class="fail">training loss</b>{_range(learned)} · <b class="pass">validation score</b>{_range(scores)}, each on a scale of '
        "its own; the best score’s weights are kept</p></div></section>"
    )


def _line(points: Sequence[tuple[int, float]], first: int, last: int, low: float, colour: str) -> str:
    if not points:
        return ""
    high = max(value for _, value in points)
    span = (high - low) or 1.0
    placed = " ".join(
        f"{_EDGE + (epoch - first) / max(1, last - first) * (_WIDTH - 2 * _EDGE):.1f},"
        f"{_HEIGHT - 40 - (value - low) / span * (_HEIGHT - 70):.1f}"
        for epoch, value in points
    )
    return f'<polyline points="{placed}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'


def _range(points: Sequence[tuple[int, float]]) -> str:
    return f" {points[0][1]:.3f} to {points[-1][1]:.3f}" if points else ""
