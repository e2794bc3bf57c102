"""What people ordered about a job, a version or an incident, as a table of its page: who, when and why, and what retrain refused."""

from html import escape

from monitor.console.orders import told
from monitor.console.shell import ago, badge, table
from monitor.console.view import Order, View


def orders_about(view: View, target: str, now: float) -> str:
    """The newest 20, with a heading; "" without any. `now` in Unix seconds."""
    rows = [
        (
            ago(one.occurred_at, now),
            escape(told(one)),
            escape(one.by),
            escape(one.reason),
            _refusal(view.decisions.refused(one.event_id)),
        )
        for one in view.orders()
        if target in _targets(one)
    ]
    return f"<h2>Orders</h2>{table('orders', ('when', 'what', 'who', 'why', 'answer'), rows[:20], '')}" if rows else ""


def _refusal(why: str) -> str:
    return f"{badge('refused')} {escape(why)}" if why else ""


def _targets(order: Order) -> tuple[str, ...]:
    return (getattr(order, "job_id", ""), getattr(order, "version", ""), getattr(order, "incident_id", ""))
