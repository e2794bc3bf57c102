"""The page of a verdict: what every gate said, and the frames that it is about. One file that loads nothing from anywhere, 2 MB at most.

A pure function of values and of a callable that reads a frame. Everything that a camera, a label or a person named is data: it is escaped here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from contracts.events import GateResult
from retrain.gates.changed import Cell, Change
from retrain.gates.page_figures import Point, stress_grid, training_curve
from retrain.gates.page_style import STYLE
from retrain.gates.pictures import Album
from retrain.request import Suspect, TrialRow

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing may be loaded and nothing run: the page looks the same without a network, and tells nobody that it was opened."""
SHOWN: Final = 12
"""Pictures of what got better, of what got worse, and of suspects."""
LISTED: Final = 200
"""Rows of a list."""
MOST_CLASSES: Final = 40
"""Rows of the stress grid."""
_LONGEST: Final = 2000
"""Characters of a sentence."""
_MARKS: Final = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "? inconclusive"}
_SETTLED: Final = {
    "packaged": ("pass", "No gate refuses the candidate to follow version {}"),
    "published": ("pass", "No gate refuses the candidate to follow version {}"),
    "rejected": ("fail", "The candidate to follow version {} is refused"),
    "held": ("inconclusive", "The candidate to follow version {} is held: more or better labels are needed"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows. `better` and `worse` are sealed frames; `flips` those of the old domain that became wrong.

    `rows` finds the row of a suspect's frame. `facts` are what else a person wants to know, by name, in order.
    """

    model: str
    parent: str
    job: str
    verdict: str
    results: Sequence[GateResult]
    facts: Mapping[str, str]
    better: Sequence[Change] = ()
    worse: Sequence[Change] = ()
    flips: Sequence[Change] = ()
    grid: Mapping[str, Sequence[Cell]] = field(default_factory=dict)
    grid_of: str = "Wrong answers"
    table: Sequence[TrialRow] = ()
    curve: Sequence[Point] = ()
    suspects: Sequence[Suspect] = ()
    rows: Mapping[str, int] = field(default_factory=dict)


def render(content: Content, read: Callable[[int], bytes]) -> str:
    """The whole page as HTML. `read` gives the encoded frame of a row of the dataset; it may raise StoreError, which costs the picture."""
    album = Album(read)
    tone, settled = _SETTLED.get(content.verdict, ("inconclusive", "The candidate to follow version {}"))
    body = f"""<header>
<p class="kind"><b class="{tone}">{escape(content.verdict)}</b> · {escape(content.model)} · job <span>{escape(content.job)}</span></p>
<h1>{escape(settled.format(content.parent))}</h1>
<p>{_summary(content.results)}</p>
<dl class="card" id="facts">{"".join(f"<dt>{escape(name)}</dt><dd>{_text(fact)}</dd>" for name, fact in content.facts.items() if fact)}</dl>
</header>
{_gates(content.results)}
{_changes("worse", "What got worse", content.worse, album)}
{_changes("better", "What got better", content.better, album)}
{_suspects(content, album)}
{stress_grid(dict(list(content.grid.items())[:MOST_CLASSES]), content.grid_of)}
{_table(content.table)}
{training_curve(content.curve)}
{_flips(content.flips)}
<footer class="soft"><p>{_footer(album)}</p></footer>"""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>Verdict: {escape(content.model)}, candidate to follow version {escape(content.parent)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _summary(results: Sequence[GateResult]) -> str:
    named = {verdict: [escape(one.gate) for one in results if one.verdict == verdict] for verdict in _MARKS}
    parts = [f"{len(named['pass'])} of {len(results)} gates passed"]
    if failed := named["fail"]:
        parts.append(f"{len(failed)} failed ({', '.join(failed)})")
    if unsure := named["inconclusive"]:
        parts.append(f"{len(unsure)} could not tell ({', '.join(unsure)})")
    return ", ".join(parts) + "."


def _gates(results: Sequence[GateResult]) -> str:
    rows = "".join(
        f'<tr id="gate-{escape(one.gate.replace(" ", "-"), quote=True)}"><td><b class="{one.verdict}">{_MARKS[one.verdict]}</b></td>'
        f'<th scope="row" class="name">{escape(one.gate)}</th><td class="number">{one.value:.4g}</td><td class="number">{one.limit:.4g}</td>'
        f"<td>{_text(one.detail)}</td></tr>"
        for one in results
    )
    return (
        '<section><h2>Gates</h2><div class="card"><table id="gates"><thead><tr><th scope="col">verdict</th><th scope="col">gate</th>'
        '<th scope="col" class="number">figure</th><th scope="col" class="number">limit</th><th scope="col"></th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _changes(name: str, title: str, changes: Sequence[Change], album: Album) -> str:
    if not changes:
        return f'<section id="{name}"><h2>{title}</h2><p class="soft">No sealed frame.</p></section>'
    figures = "".join(
        _figure(
            album.source(one.row, one.outlines),
            one.truth,
            f"<strong>{_text(one.truth)}</strong><br>{_text(one.before)} → {_text(one.after)}<br>{escape(one.domain)}, {_text(one.camera)}",
        )
        for one in changes[:SHOWN]
    )
    more = f" {min(SHOWN, len(changes))} of {len(changes)}." if len(changes) > SHOWN else ""
    drawn = " Boxes: the true ones white and wide, the champion’s rust, the candidate’s teal." if changes[0].outlines else ""
    return (
        f'<section id="{name}"><h2>{title}</h2><p class="soft">Sealed frames, the surest changes first.{more} The truth, then the champion’s answer → the '
        f"candidate’s.{drawn}</p>"
        f'<div class="card pictures">{figures}</div></section>'
    )


def _suspects(content: Content, album: Album) -> str:
    if not content.suspects:
        return ""
    figures = "".join(
        _figure(
            album.source(content.rows[one.frame_id]),
            one.label,
            f"<strong>{_text(one.label)}?</strong><br>likely {_text(one.likely)}<br>{_text(one.frame_id)}",
        )
        for one in content.suspects[:SHOWN]
        if one.frame_id in content.rows
    )
    head = ("frame", "label", "likely", "probability of the label")
    listed = [(one.frame_id, one.label, one.likely, f"{one.probability:.4f}") for one in content.suspects[:LISTED]]
    return (
        '<section id="suspects"><h2>Labels to look at again</h2><p class="soft">A model that never learned from the frame contradicts its label, or a frame '
        "that nearly repeats it has another. Nothing was left out for it. Look at them in the console or with <code>keepsight labels review</code>.</p>"
        f'<div class="card pictures">{figures}</div>{_details(len(content.suspects), head, listed)}</section>'
    )


def _flips(flips: Sequence[Change]) -> str:
    if not flips:
        return ""
    listed = [(one.camera, one.truth, one.before, one.after, f"{one.lead:+.3f}") for one in flips[:LISTED]]
    head = ("camera", "truth", "champion", "candidate", "what it gained")
    return f'<section id="flips"><h2>Old frames that became wrong</h2>{_details(len(flips), head, listed)}</section>'


def _details(count: int, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    shown = f"{count}" if count <= LISTED else f"{LISTED} of {count}"
    return f'<details class="card"><summary>The list: {shown}</summary><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></details>'


def _table(table: Sequence[TrialRow]) -> str:
    if not table:
        return ""
    rows = "".join(
        f'<tr><td class="name">{"<b class=pass>✓</b> " * one.chosen}{_text(one.technique)}</td><td>{_text(one.recipe)}</td>'
        + "".join(f'<td class="number">{figure}</td>' for figure in _figures(one))
        + f"<td>{_text(one.why)}</td></tr>"
        for one in table[:LISTED]
    )
    names = ("new", "old", "harmonic mean", "seconds", "device seconds", "peak MiB", "ms a frame")
    head = "".join(f'<th scope="col" class="number">{name}</th>' for name in names)
    return (
        '<section><h2>Techniques tried</h2><div class="card"><table id="techniques"><thead><tr><th scope="col">technique</th><th scope="col">network</th>'
        f'{head}<th scope="col"></th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _figures(row: TrialRow) -> tuple[str, ...]:
    return (
        *(f"{share:.3f}" for share in (row.new, row.old, row.harmonic)),
        *(f"{figure:,.0f}" for figure in (row.seconds, row.device_s, row.peak_mib)),
        f"{row.latency_ms:.2f}",
    )


def _figure(source: str, alternative: str, caption: str) -> str:
    shown = f'<img src="{source}" alt="{escape(alternative, quote=True)}">' if source else '<div class="none">no picture</div>'
    return f"<figure>{shown}<figcaption>{caption}</figcaption></figure>"


def _footer(album: Album) -> str:
    missing = f" Pictures that could not be read: {album.unreadable}." if album.unreadable else ""
    left = f" Pictures left out to keep the page small: {album.left_out}." if album.left_out else ""
    return f"Made by Keepsight for reading: the verdict was given before this page.{missing}{left}"


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
