"""The verdict on a version as pages show it: its gates, and the page that the training process made, shut in."""

from collections.abc import Sequence
from html import escape

from contracts.events import GateResult
from monitor.console.shell import badge, table


def gates_table(gates: Sequence[GateResult]) -> str:
    """The verdicts of gates."""
    rows = [
        (f"<b>{escape(one.gate)}</b>", badge(one.verdict), _figure(one.value), _figure(one.limit), escape(one.detail))
        for one in gates
    ]
    return table("gates", ("gate", "verdict", "figure", "limit", "in words"), rows, "No verdict yet.")


def _figure(value: float) -> str:
    return f'<span class="number">{value:.4g}</span>'


def gates_count(gates: Sequence[GateResult]) -> str:
    """The verdicts of gates in a line."""
    counts = {verdict: sum(one.verdict == verdict for one in gates) for verdict in ("pass", "fail", "inconclusive")}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def verdict_page(where: str, there: tuple[bool, bool], place: str = "") -> str:
    """A verdict's page in a sandbox, or the training curve where there is no page, or else in words where the page lies."""
    page, curve = there
    if page:
        return f"""<h2>Verdict</h2><p class="soft"><a href="{where}/verdict">Open it alone</a></p>
<iframe class="verdict" title="The verdict's page" sandbox src="{where}/verdict"></iframe>"""
    told = f"Its page lies at <code>{escape(place)}</code>, which this monitor cannot read: it is on another host, or its store is away."
    why = f'<h2>Verdict</h2><p class="soft">{told}</p>' if place else ""
    picture = f'<h2>Training</h2><img class="curve" src="{where}/curve" alt="Training loss and validation score over the epochs">'
    return why + picture * curve
