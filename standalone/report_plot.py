"""The report's picture of a run: how often the answers were right over time, with what happened marked by numbers that the text explains."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from standalone.facts import Dot, Facts

WINDOW: Final = 90
"""Frames in the rolling share: some five seconds of three cameras; its standard error is about .04 at .8."""
INK, SOFT, FAINT, GOOD, BAD = "#1f2933", "#52606d", "#d5dbe1", "#0b7285", "#b7410e"
"""Teal and rust stay apart for colour-blind eyes."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered moment of the plot."""

    number: int
    at_s: float
    event: str
    detail: str


def marks(facts: Facts) -> tuple[Mark, ...]:
    """The moments that explain the curve, in order of time."""
    moments = facts.moments
    found: list[tuple[float, str, str]] = []
    if moments.switched_s is not None:
        found.append((moments.switched_s, "New product", "the line switches from mono- to poly-crystalline cells"))
    for incident in facts.incidents:
        found.append((incident.opened_at_s, "Incident", incident.first_headline))
    if moments.smeared_s is not None:
        found.append((moments.smeared_s, "Dirty lens", "one camera goes out of focus"))
    if moments.cleaned_s is not None:
        found.append((moments.cleaned_s, "Lens cleaned", "a person wipes it"))
    found += [(entry.at_s, "Retraining", entry.detail) for entry in facts.timeline if entry.event == "retraining requested"][:1]
    if moments.swapped_s is not None:
        found.append((moments.swapped_s, "New champion", "the retrained version answers all cameras"))
    ends = [incident.closed_at_s for incident in facts.incidents if incident.closed_at_s is not None]
    if ends and len(ends) == len(facts.incidents):
        found.append((max(ends), "All closed", "the last incident closes with the evidence of the recovery"))
    return tuple(Mark(number, *one) for number, one in enumerate(sorted(found), start=1))


def rolling(dots: Sequence[Dot], window: int = WINDOW) -> tuple[list[float], list[float]]:
    """Times and the share of right answers among the last `window` frames; no point before the window is full."""
    right = np.array([dot.right for dot in dots], dtype=np.float64)
    if len(right) < window:
        return [], []
    sums = np.concatenate([[0.0], right.cumsum()])
    share = (sums[window:] - sums[:-window]) / window
    return [dot.at_s for dot in dots[window - 1 :]], [float(value) for value in share]


def accuracy_svg(facts: Facts) -> str:
    """The plot as an SVG element, for a page 960 pixels wide. Frames through the smeared lens are left out: no model is to blame for them."""
    figure = Figure(figsize=(10.2, 4.0))
    axes = figure.subplots()
    first, last = facts.moments.live_s, facts.moments.ended_s
    times, shares = rolling([dot for dot in facts.dots if not dot.smeared])
    old, new = _by_champion(times, shares, facts.moments.swapped_s)
    axes.plot(*old, color=SOFT, linewidth=2)
    axes.plot(*new, color=GOOD, linewidth=2)
    axes.set_xlim(first, max(last, first + 1))
    axes.set_ylim(0, 1.245)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("seconds since the demo began", color=INK)
    axes.set_ylabel(f"right answers, last {WINDOW} frames", color=INK)
    _zones(axes, facts)
    _mark(axes, marks(facts), first, last)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(FAINT)
    axes.tick_params(colors=INK, length=0)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    figure.subplots_adjust(left=0.075, right=0.995, top=0.985, bottom=0.13)
    return _embedded(figure)


def _by_champion(
    times: list[float], shares: list[float], swapped_s: float | None
) -> tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]:
    """The curve cut where the champion changed; the two parts share the point between them."""
    cut = len(times) if swapped_s is None else int(np.searchsorted(times, swapped_s))
    return (times[: cut + 1], shares[: cut + 1]), (times[cut:], shares[cut:])


def _zones(axes: Axes, facts: Facts) -> None:
    switched, swapped = facts.moments.switched_s, facts.moments.swapped_s
    end = facts.moments.ended_s
    axes.text((facts.moments.live_s + (switched or end)) / 2, 0.04, "mono cells, version 1", color=INK, ha="center", fontsize=9)
    if switched is not None:
        axes.axvspan(switched, swapped or end, color=BAD, alpha=0.06, linewidth=0)
        axes.text((switched + (swapped or end)) / 2, 0.04, "poly cells, version 1", color=BAD, ha="center", fontsize=9)
    if swapped is not None:
        axes.axvspan(swapped, end, color=GOOD, alpha=0.06, linewidth=0)
        axes.text((swapped + end) / 2, 0.04, "poly cells, new version", color=GOOD, ha="center", fontsize=9)


def _mark(axes: Axes, shown: Sequence[Mark], first: float, last: float) -> None:
    """Numbers on top, in the first of three rows where they touch no other."""
    room = (last - first) * 0.028
    ends = [-1e9, -1e9, -1e9]
    for mark in shown:
        row = next((row for row, end in enumerate(ends) if mark.at_s - end >= room), ends.index(min(ends)))
        ends[row] = mark.at_s
        axes.axvline(mark.at_s, ymax=0.82, color=INK, linewidth=0.7, linestyle=(0, (2, 3)))
        axes.text(
            mark.at_s, 1.19 - 0.075 * row, str(mark.number), ha="center", va="center", fontsize=9, color="white",
            bbox={"boxstyle": "circle,pad=0.22", "facecolor": INK, "edgecolor": "white", "linewidth": 0.8},
        )  # fmt: skip


def _embedded(figure: Figure) -> str:
    """The figure as SVG for inside a page: text stays text, no XML head, sized by the page, the same for the same facts."""
    stream = io.StringIO()
    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "keepsight"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    _, _, drawing = stream.getvalue().partition("<svg ")
    head, _, body = drawing.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    links = 'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg"'
    return f'<svg {box[0] if box else ""} role="img" aria-labelledby="curve-title" {links}>{body}'
