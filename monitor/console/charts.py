"""Small pictures of numbers as SVG: how a column is distributed before and now, how far a camera lay from its reference, how many cameras are in which state.

Colours come from the style sheet, by class: they follow light and dark. Each says in words what it shows.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from monitor.console import shell
from monitor.report.shapes import Shape

WIDTH: Final = 360
WIDE: Final = 640
HEIGHT: Final = 110
FOOT: Final = 16
"""Of the height, for the axis."""


def shape(one: Shape) -> str:
    """A column's distribution in the reference (filled) and in the incident (line), or its classes as a table."""
    if one.classes:
        rows = [
            (escape(name), f"{before:.0%}", f"{now:.0%}")
            for name, before, now in zip(one.classes, one.reference, one.current, strict=True)
        ]
        inside = shell.table("classes", ("class", "before", "now"), rows, "")
        return f'<figure class="shape"><figcaption>{_title(one)}</figcaption>{inside}</figure>'
    top = max((*one.reference, *one.current)) or 1.0
    filled, line = (_steps(side, top) for side in (one.reference, one.current))
    words = f"{one.column}: the reference lies {_span(one, one.reference)}, the incident's frames {_span(one, one.current)}"
    return f"""<figure class="shape"><figcaption>{_title(one)}</figcaption>
<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words, quote=True)}"><path class="before" d="{filled} Z"/><path class="now" d="{line}"/>
{_axis(f"{one.low:.4g}", f"{one.high:.4g}")}</svg></figure>"""


def course(points: Sequence[tuple[float, float]], unit: str) -> str:
    """How far a camera lay from its reference, over time (Unix seconds); "" for fewer than two points."""
    if len(points) < 2 or points[-1][0] <= points[0][0]:
        return ""
    (first, _), (last, now) = points[0], points[-1]
    top = max(far for _, far in points) or 1.0
    places = " ".join(f"{_x((at - first) / (last - first), WIDE):.1f},{_y(far / top):.1f}" for at, far in points)
    words = f"Distance from the reference, in {unit}: {now:.2f} now, at most {top:.2f} in the time shown"
    return f"""<figure class="shape course"><figcaption>{escape(words)}</figcaption>
<svg viewBox="0 0 {WIDE} {HEIGHT}" role="img" aria-label="{escape(words, quote=True)}"><polyline class="now" points="{places}"/>
{_axis(shell.day(first), shell.day(last), WIDE)}</svg></figure>"""


def bar(counts: Mapping[str, int]) -> str:
    """A bar of shares, in the colours of the states."""
    whole = sum(counts.values())
    if not whole:
        return ""
    parts, at = "", 0.0
    for state, count in counts.items():
        width = 100.0 * count / whole
        parts += f'<rect class="{shell.tone(state)}" x="{at:.2f}" y="0" width="{width:.2f}" height="4"/>' if count else ""
        at += width
    words = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in counts.items() if count)
    return f'<svg class="shares" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{escape(words, quote=True)}">{parts}</svg>'


def _title(one: Shape) -> str:
    return f"<b>{escape(one.column.replace('_', ' '))}</b> <small>distance {one.distance:.2f}</small>"


def _steps(shares: Sequence[float], top: float) -> str:
    """A step line from the ground and back to it."""
    n = len(shares)
    corners = "".join(f" V{_y(share / top):.1f} H{_x((i + 1) / n):.1f}" for i, share in enumerate(shares))
    return f"M{_x(0):.1f} {_y(0):.1f}{corners} V{_y(0):.1f}"


def _span(one: Shape, shares: Sequence[float]) -> str:
    """Where the middle half of a side lies, in words."""
    width = (one.high - one.low) / len(shares)
    seen = 0.0
    ends: list[float] = []
    for i, share in enumerate(shares):
        seen += share
        while len(ends) < 2 and seen >= (0.25, 0.75)[len(ends)]:
            ends.append(one.low + (i + 0.5) * width)
    return f"about {ends[0]:.3g} to {ends[1]:.3g}" if len(ends) == 2 else "nowhere"


def _x(share: float, width: int = WIDTH) -> float:
    return 1 + share * (width - 2)


def _y(share: float) -> float:
    return 2 + (1 - share) * (HEIGHT - FOOT - 2)


def _axis(left: str, right: str, width: int = WIDTH) -> str:
    y = HEIGHT - FOOT
    return (
        f'<path class="axis" d="M0 {y} H{width}"/><text x="0" y="{HEIGHT - 3}">{escape(left)}</text>'
        f'<text class="end" x="{width}" y="{HEIGHT - 3}">{escape(right)}</text>'
    )
