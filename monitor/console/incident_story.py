"""How an incident went: what was said of it when, and which retrainings and jobs it led to."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from contracts.incidents import Incident
from monitor.console.incident_book import IncidentView, Word
from monitor.console.incidents import parted, words
from monitor.console.jobs import title
from monitor.console.shell import PREFIX, ago, badge, clock, table
from monitor.console.view import View

_WHY: Final[Mapping[str, str]] = {
    "opened": "opened",
    "closed": "closed",
    "evidence": "new evidence",
    "acknowledged": "seen by a person",
    "reminder": "still open, told again",
}


def timeline(shown: IncidentView) -> str:
    """What was said of it, oldest first."""
    incident = shown.incident
    known = [(incident.since, "the change began, as far as the evidence tells", "")]
    if not any(word.why == "opened" for word in shown.words):  # the topic is compacted: earlier words may be gone
        known.append((incident.opened_at, "opened", ""))
    before: Word | None = None
    for run in _runs(shown.words):
        times = f"{len(run)} times until {clock(run[-1].at)}" if len(run) > 1 else ""
        said = "; ".join(filter(None, (_changed(before, run[-1]), times)))
        known.append((run[0].at, _WHY.get(run[0].why, run[0].why), said))
        before = run[-1]
    known.sort(key=lambda entry: entry[0])
    rows = [(clock(at), escape(what), said) for at, what, said in known]
    return f"<h2>Timeline</h2>{table('timeline', ('when', 'what', 'in words'), rows, '')}"


def _runs(words: Sequence[Word]) -> list[list[Word]]:
    """Words, those in a row that bring nothing but newer figures together."""
    found: list[list[Word]] = []
    for word in words:
        last = found[-1][-1] if found else None
        if last is not None and last._replace(at=word.at, headline=word.headline) == word and word.why == "evidence":
            found[-1].append(word)
        else:
            found.append([word])
    return found


def led_to(view: View, incident: Incident, now: float) -> str:
    """The retrainings that were asked for because of it, and their jobs."""
    rows = []
    for request in view.requested_for(incident.incident_id):
        job = view.job_of(request.request_key)
        what = "retrain has not said a word of it yet"
        if job is not None:
            what = f'<a href="{PREFIX}/jobs/{quote(job.last.job_id, safe="")}">{escape(title(job.last))}</a>'
        rows.append((ago(request.occurred_at, now), escape(request.reason), badge(job.last.state) if job else "", what))
    head = ("when", "asked because", "job", "which")
    return f"<h2>What it led to</h2>{table('requests', head, rows, '')}" if rows else ""


def _changed(before: Word | None, word: Word) -> str:
    """What a word changed (HTML)."""
    if before is None:
        return f"{badge(word.severity)} {escape(words(word.cause))}, {word.cameras} camera{'' if word.cameras == 1 else 's'}"
    parts = [
        f"{badge(before.severity)} → {badge(word.severity)}" if word.severity != before.severity else "",
        f"{escape(words(before.cause))} → {escape(words(word.cause))}" if word.cause != before.cause else "",
        f"{before.cameras} → {word.cameras} cameras" if word.cameras != before.cameras else "",
        escape(parted(word.headline)[1]) if word.headline != before.headline else "",
    ]
    return "; ".join(filter(None, parts))
