"""The figures as plain aligned text, for a terminal or a ticket."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from monitor.backtest.ledger import Line
from monitor.backtest.summary import Kind, Rate, Summary

_BUDGET_HEAD = ("budget", "incidents", "pages", "tickets", "retrain", "false pages", "per camera-month", "95 % interval", "missed")
_KIND_HEAD = ("budget", "kind of change", "marked", "found", "missed", "paged", "median delay", "worst", "median to page")


MOST_PAGES: Final = 10
"""Pages shown a budget; all stand in incidents.ndjson."""


def text(summary: Summary, lines: Sequence[Line]) -> str:
    """The whole answer."""
    parts = [_heading(summary), _aligned([_BUDGET_HEAD, *(_budget_row(summary, i) for i in range(len(summary.budgets)))])]
    kinds = [(f"{one.budget:g}", *_kind_row(kind)) for one in summary.budgets for kind in one.kinds]
    if kinds:
        parts.append(_aligned([_KIND_HEAD, *kinds]))
    missed = [
        f"missed at budget {one.budget:g}: {marked.name} ({_clock(marked.at)}"
        + (f"; incident {marked.already_open} stood open already)" if marked.already_open else ")")
        for one in summary.budgets
        for marked in one.changes
        if not marked.found
    ]
    if missed:
        parts.append("\n".join(missed))
    parts += [pages for one in summary.budgets if (pages := _pages(one.budget, lines, summary.has_truth))]
    if summary.notes:
        parts.append("\n".join(f"- {note}" for note in summary.notes))
    if summary.broken_reasons:
        parts.append("\n".join(["First broken:", *(f"  {reason}" for reason in summary.broken_reasons[:5])]))
    return "\n\n".join(parts) + "\n"


def span(seconds: float | None) -> str:
    """A length of time for people: `-` for none."""
    if seconds is None:
        return "-"
    for unit, size in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _heading(summary: Summary) -> str:
    versions = ", ".join(summary.versions) or "none"
    return (
        f"{summary.model}, versions {versions}: {_clock(summary.first_at)} to {_clock(summary.last_at)}\n"
        f"{summary.events:,} events, {summary.cameras} cameras, {summary.camera_months:.3g} camera-months, "
        f"{summary.events_per_second:,.0f} events/s"
    )


def _budget_row(summary: Summary, number: int) -> tuple[str, ...]:
    one = summary.budgets[number]
    false_pages, missed = (str(one.false_pages), str(one.missed)) if summary.has_truth else ("unmarked", "-")
    bound = "" if summary.has_truth else "<= "
    found = one.false_pages_per_camera_month
    return (
        f"{one.budget:g}", str(one.incidents), str(one.pages), str(one.tickets), str(one.retrain_requests), false_pages,
        f"{bound}{_number(found.value)}", _interval(found), missed,
    )  # fmt: skip


def _pages(budget: float, lines: Sequence[Line], has_truth: bool) -> str:
    """The pages that no marked change explains; all of them where none is marked."""
    pages = [line for line in lines if line.kind == "page" and line.budget == budget and not line.change]
    shown = [f"  {_clock(line.at)}  {line.told.headline}" for line in pages[:MOST_PAGES]]
    more = [f"  and {len(pages) - MOST_PAGES} more"] if len(pages) > MOST_PAGES else []
    return "\n".join([f"{'false pages' if has_truth else 'pages sent'} at budget {budget:g}:", *shown, *more]) if pages else ""


def _kind_row(kind: Kind) -> tuple[str, ...]:
    return (
        kind.cause or "(no cause)", str(kind.changes), str(kind.found), str(kind.missed), str(kind.paged),
        span(kind.median_delay_s), span(kind.worst_delay_s), span(kind.median_page_delay_s),
    )  # fmt: skip


def _interval(found: Rate) -> str:
    return f"{_number(found.low)} to {_number(found.high)}"


def _number(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])
