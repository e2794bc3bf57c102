"""Incidents in short: the list of what is open and what was, cards and rows of them for other pages. Each one's own page is incident_page.py."""

from collections.abc import Iterable
from html import escape
from typing import Final
from urllib.parse import quote

from contracts.health import Answer
from monitor.console import shell
from monitor.console.incident_book import IncidentView
from monitor.console.shell import PREFIX, Frame, ago, badge, span, table
from monitor.console.view import View

A_PAGE: Final = 50
STATES: Final = ("open", "closed")
HEAD: Final = ("incident", "is", "severity", "cause", "since")


def path_of(incident_id: str) -> str:
    """Where an incident's page lies."""
    return f"{PREFIX}/incidents/{quote(incident_id, safe='')}"


def listed(frame: Frame, view: View, state: str, number: int) -> Answer:
    """All incidents, in pages: the open ones first, the worst before the others."""
    opened, closed = view.incidents.open(), view.incidents.closed()
    found = {"open": opened, "closed": closed}.get(state, [*opened, *closed])
    last = max(1, -(-len(found) // A_PAGE))
    number = min(max(1, number), last)
    cards = ""
    if number == 1 and state not in STATES:
        cards = "".join(card(one, frame.now) for one in opened[:10]) or '<p class="lead">None is open.</p>'
    rows = rows_of(found[(number - 1) * A_PAGE : number * A_PAGE], frame.now)
    filters = "".join(_filter(one, state) for one in ("", *STATES))
    count = f"{len(found):,} incident{'' if len(found) == 1 else 's'}"
    where = f"{PREFIX}/incidents?{f'state={state}&' if state in STATES else ''}page="
    body = f"""<h1>Incidents</h1>
<section aria-label="Open" id="open">{cards}</section>
<h2>All incidents</h2><nav class="filters" aria-label="State">{filters}</nav><p class="soft">{count}</p>
{table("incidents", HEAD, rows, "None that the log tells of.")}
{shell.pages(where, number, last)}"""
    return shell.page(frame, "incidents", "Incidents", body, refresh_s=15)


def unknown(frame: Frame) -> Answer:
    """No such incident."""
    text = (
        f'The log tells of no incident with this id, or it is one of long ago. <a href="{PREFIX}/incidents">Those it tells of</a>.'
    )
    return shell.unknown(frame, "incidents", "incident", text)


def card(shown: IncidentView, now: float) -> str:
    """An open incident in short."""
    incident = shown.incident
    what, much = parted(incident.headline)
    seen = f" · seen by {escape(incident.acknowledged_by)}" if incident.acknowledged_by else ""
    return (
        f'<article class="card now {shell.tone(incident.severity)}"><p class="kind">{badge(incident.severity)} {escape(words(incident.cause))}, '
        f"since {span(now - incident.since)}{seen}</p>"
        f'<h2><a href="{path_of(incident.incident_id)}">{escape(what)}</a></h2><p>{escape(much)}</p></article>'
    )


def rows_of(found: Iterable[IncidentView], now: float) -> list[tuple[str, ...]]:
    """Incidents as rows under HEAD."""
    return [
        (
            f'<a href="{path_of(one.incident.incident_id)}">{escape(parted(one.incident.headline)[0])}</a>',
            badge(one.state),
            badge(one.incident.severity),
            escape(words(one.incident.cause)),
            ago(one.incident.since, now),
        )
        for one in found
    ]


def parted(headline: str) -> tuple[str, str]:
    """What is wrong, and how much: a headline's first part and the others, as monitor/incidents/wording.py joins them."""
    what, _, much = headline.partition("; ")
    return what, much


def words(name: str) -> str:
    """A name of ours as words."""
    return name.replace("_", " ")


def _filter(state: str, here: str) -> str:
    current = ' aria-current="true"' if state == here else ""
    return f'<a href="{PREFIX}/incidents{f"?state={state}" if state else ""}"{current}>{state or "all"}</a>'
