"""Who decided what, when and why, the newest first: people's orders and what services decided by rule, as far as the log tells of it."""

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from contracts.health import Answer
from monitor.console import shell
from monitor.console.decisions import Decision, Target
from monitor.console.orders import told
from monitor.console.shell import PREFIX, Frame, clock, table
from monitor.console.view import Order, View

A_PAGE: Final = 100
KINDS: Final = ("people", "services")
_FIELDS: Final[tuple[tuple[Target, str], ...]] = (("incident", "incident_id"), ("job", "job_id"), ("version", "version"))
_PLACES: Final = {"incident": "incidents", "job": "jobs", "version": "versions"}


def listed(frame: Frame, view: View, kind: str, number: int) -> Answer:
    """Decisions in pages; of people or of services alone where `kind` says so."""
    people = [] if kind == "services" else [_of_order(order) for order in view.orders()]
    services = [] if kind == "people" else view.decisions.all()
    found = sorted((*people, *services), key=lambda one: (-one.at, one.event_id))
    last = max(1, -(-len(found) // A_PAGE))
    number = min(max(1, number), last)
    rows = [_row(one) for one in found[(number - 1) * A_PAGE : number * A_PAGE]]
    filters = "".join(_filter(one, kind) for one in ("", *KINDS))
    where = f"{PREFIX}/audit?{f'kind={kind}&' if kind in KINDS else ''}page="
    body = f"""<h1>Audit</h1>
<p class="lead">Who decided what, when and why, as the log tells it.</p>
<p class="soft">Retrain's ledger has its own rows and their proof, and says who answered a camera at a time: <code>keepsight audit</code> reads and checks it.
Its rows that came by the log stand here with their numbers. Labels are no decisions: they have a record of their own.</p>
<nav class="filters" aria-label="Whose">{filters}</nav><p class="soft">{len(found):,} decision{"" if len(found) == 1 else "s"}</p>
{table("audit", ("when", "who", "what", "about", "why", "row"), rows, "Nobody has decided anything yet.")}
{shell.pages(where, number, last)}"""
    return shell.page(frame, "audit", "Audit", body)


def _of_order(order: Order) -> Decision:
    target, about = next(((target, str(value)) for target, field in _FIELDS if (value := getattr(order, field, ""))), ("", ""))
    return Decision(order.occurred_at, order.by, told(order), order.reason, order.event_id, target, about)


def _row(one: Decision) -> Sequence[str]:
    return (
        clock(one.at),
        escape(one.who),
        escape(one.what),
        _about(one),
        escape(one.why),
        str(one.row) if one.row else "",
    )


def _about(one: Decision) -> str:
    if not one.about:
        return ""
    name = one.about if one.target == "version" else f"{one.about[:8]}…{one.about[-4:]}"
    return f'<a href="{PREFIX}/{_PLACES[one.target]}/{quote(one.about, safe="")}"><span class="number">{one.target} {escape(name)}</span></a>'


def _filter(kind: str, here: str) -> str:
    current = ' aria-current="true"' if kind == here else ""
    return f'<a href="{PREFIX}/audit{f"?kind={kind}" if kind else ""}"{current}>{kind or "all"}</a>'
