"""The page of a report: what is wrong and by how much, in our words and figures, around Evidently's own page. One file, that loads nothing from anywhere.

Everything that a camera, a label or a person named is data: it is escaped here. Evidently's page stands in a sandboxed frame of its own.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Final

from contracts.incidents import Contribution, Estimate, Evidence, Incident
from contracts.quality import Metric
from monitor.report.figures import Figure, Right
from monitor.report.paths import path_of
from monitor.report.photographs import Photograph, Photographs
from monitor.report.style import STYLE
from monitor.report.task import Task

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; img-src data: blob:"
"""Nothing may be loaded: the page looks the same on a machine without a network, and tells nobody that it was opened."""
_GROW: Final = """
addEventListener("message", event => {
  const frame = document.querySelector("iframe");
  if (event.source === frame.contentWindow && event.data > 0) frame.style.height = Math.min(event.data + 24, 60000) + "px";
});
"""
_TELL: Final = '<script>setInterval(() => parent.postMessage(document.body.scrollHeight, "*"), 250)</script>'
"""A timer: a ResizeObserver sleeps in a frame that is not on the screen yet."""
_RIGHT: Final = ' class="number"'
Cells = Sequence[str | float | int | None]


@dataclass(frozen=True, slots=True)
class Content:
    """What a page shows. Counts are rows; `evidently` is Evidently's page, "" without one."""

    task: Task
    incident: Incident
    closed_at: float | None
    """When the incident was over; None while it is open."""
    made_at: float
    figures: Sequence[Figure]
    rights: Sequence[Right]
    reference_rows: int
    current_rows: int
    frames: int
    """Frames of the incident that were read; `current_rows` of them are laid out."""
    answers: int
    """Labelled frames behind the classification quality."""
    notes: Sequence[str]
    evidently: str
    photographs: Photographs = field(default_factory=Photographs)


def render(content: Content) -> str:
    """The whole page as HTML."""
    incident = content.incident
    number = incident.incident_id
    links = f' · <a href="/console/incidents/{number}">the incident in the console</a> · <a href="{path_of(number)}?again">make it anew</a>'
    again = links if content.task.served else ""
    body = f"""<header>
<p class="kind"><b>{escape(incident.severity)}</b> · {escape(content.task.model)} · incident <span>{escape(incident.incident_id)}</span></p>
<h1>{escape(incident.headline)}</h1>
<p>{escape(incident.action)}</p>
<dl class="card" id="facts">{_facts(content)}</dl>
</header>
{_photographs(content.photographs)}
{_evidence(incident.evidence)}
{_contributions(incident.contributions)}
{_estimates(incident.estimates)}
{_figures(content)}
{_rights(content.rights)}
{_notes(content.notes)}
{_frame(content.evidently)}
<footer class="soft"><p>Made by Keepsight at {_clock(content.made_at)}, for reading: no verdict rests on this page{again}.</p></footer>"""
    return document(f"Incident: {incident.headline}", body)


def document(title: str, body: str, head: str = "") -> str:
    """A page of ours; `body` and `head` are HTML, `title` is text."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
{head}<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _facts(content: Content) -> str:
    incident = content.incident
    ended = "still open" if content.closed_at is None else f"closed {_clock(content.closed_at)}"
    facts = {
        "Since": f"{_clock(incident.since)}, {ended}",
        "Opened": _clock(incident.opened_at),
        "Site": incident.site,
        "Cameras": ", ".join(incident.cameras),
        "Cause": incident.cause.replace("_", " "),
        "Type": (incident.drift_type or "not told yet")
        + (f": version {incident.recurs} served this regime" if incident.recurs else ""),
        "Version": incident.version,
        "Reference": f"{content.reference_rows:,} frames of version {incident.version}'s baseline",
        "Current": f"{content.current_rows:,} frames laid out, of {content.frames:,} that these cameras sent while it lasted",
        "Labels": f"{content.answers:,} of uniformly sampled frames" if content.answers else "none that count yet",
    }
    return "".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items() if fact)


def _photographs(shown: Photographs) -> str:
    if not any(shown):
        return ""
    sides = (("Before it began", shown.before), ("Since it began", shown.since))
    cards = "".join(
        f'<div class="card"><h3>{title}</h3><div class="pictures">{_pictures(side)}</div></div>' for title, side in sides
    )
    return (
        '<section id="photographs"><h2>What the cameras see</h2><p class="soft">Sampled frames, the newest of each side, made smaller. Where only some '
        f'frames changed, most may look as ever.</p><div class="sides">{cards}</div></section>'
    )


def _pictures(side: Sequence[Photograph]) -> str:
    if not side:
        return "<p>none is stored</p>"
    return "".join(
        f'<figure><img src="data:image/jpeg;base64,{b64encode(one.jpeg).decode()}" alt="{escape(one.camera, quote=True)}">'
        f"<figcaption>{escape(one.camera)}<br>{_clock(one.taken_at)}</figcaption></figure>"
        for one in side
    )


def _evidence(evidence: Sequence[Evidence]) -> str:
    rows = [(e.channel, e.feature, e.camera or "all", e.ratio, e.value, e.reference, e.detail) for e in evidence]
    head = ("channel", "led by", "camera", "times its limit", "now", "reference", "")
    return _section("evidence", "Evidence", "What crossed its limit; 1 is the crossing, 1e+06 that or more.", head, rows)


def _contributions(contributions: Sequence[Contribution]) -> str:
    rows = [(c.kind, c.name, f"{c.share:.0%}") for c in contributions]
    return _section("contributions", "Where it comes from", "Shares of the whole deviation.", ("kind", "name", "share"), rows)


def _estimates(estimates: Sequence[Estimate]) -> str:
    rows = [
        (e.metric, e.kind, e.before, e.now, f"{e.low:.3g} to {e.high:.3g}", e.n, "" if e.trusted else "not to be trusted")
        for e in estimates
    ]
    head = ("metric", "by", "before", "now", "95 %", "n", "")
    return _section("estimates", "What it costs", "", head, rows)


def _figures(content: Content) -> str:
    rows = [
        (f.column, f.reference, f.current, f.wasserstein, f.jensen_shannon, f.evidently, f.psi, f.psi_all) for f in content.figures
    ]
    head = (
        "column", "reference", "now", "Wasserstein", "Jensen-Shannon", "Evidently", "PSI", "PSI, all frames",
    )  # fmt: skip
    text = (
        "How far the frames lie from the reference, farthest first; medians, and distances over the reference's standard deviation. Evidently's figure is "
        f"the Wasserstein distance for numbers and Jensen-Shannon for classes, on the same rows as ours. The last column is over all {content.frames:,} frames."
    )
    return _section("distances", "Distances", text, head, rows)


def _rights(rights: Sequence[Right]) -> str:
    rows = [(r.name, *_interval(r.reference), *_interval(r.current)) for r in rights]
    text = "Of frames whose truth is known: the reference's, and uniformly sampled ones of the incident. In brackets the 95 % interval."
    return _section("rights", "How often the answers were right", text, ("", "reference", "frames", "now", "frames"), rows)


def _interval(metric: Metric | None) -> tuple[str, int]:
    return ("", 0) if metric is None else (f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]", metric.n)


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    return (
        f'<section id="notes"><h2>What was left out</h2><ul>{"".join(f"<li>{escape(note)}</li>" for note in notes)}</ul></section>'
    )


def _frame(evidently: str) -> str:
    if not evidently:
        return ""
    before, end, after = evidently.rpartition("</body>")
    inner = escape(f"{before}{_TELL}{end}{after}", quote=True)
    return (
        '<section id="evidently"><h2>Evidently’s report</h2><p class="soft">Its thresholds are the same for every column and camera: they know nothing of how '
        "these cameras usually vary. What crossed a limit that was calibrated on the reference stands under Evidence.</p>"
        f'<iframe title="Evidently’s report" sandbox="allow-scripts" srcdoc="{inner}"></iframe></section><script>{_GROW}</script>'
    )


def _section(name: str, title: str, caption: str, head: Sequence[str], rows: Iterable[Cells]) -> str:
    cells = list(rows)
    if not cells:
        return ""
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in cells)
    numbers = [all(not isinstance(row[i], str) for row in cells) for i in range(len(head))]
    top = "".join(f'<th scope="col"{_RIGHT * right}>{escape(one)}</th>' for one, right in zip(head, numbers, strict=True))
    told = f'<p class="soft">{escape(caption)}</p>' if caption else ""
    return (
        f'<section><h2>{escape(title)}</h2>{told}<div class="card"><table id="{name}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _cell(value: str | float | int | None) -> str:
    if isinstance(value, str):
        return f"<td>{escape(value)}</td>"
    return f"<td{_RIGHT}>{'' if value is None else f'{value:,}' if isinstance(value, int) else f'{value:.4g}'}</td>"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
