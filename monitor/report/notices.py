"""What the monitor's server says where a report is not there: being made, failed with the reason, unknown."""

from html import escape

from contracts.health import Answer
from monitor.report.page import document
from monitor.report.paths import path_of

_HTML = "text/html; charset=utf-8"


def found(page: bytes) -> Answer:
    """The page."""
    return Answer(200, page, _HTML)


def being_made(incident_id: str, before: int) -> Answer:
    """It is on its way, behind `before` others. The page asks again by itself."""
    where = f"{before} other{'s are' if before > 1 else ' is'} made first" if before else "it takes ten seconds or so"
    head = f'<meta http-equiv="refresh" content="2; url={path_of(incident_id)}">\n'
    return _notice(
        202,
        "The report is being made",
        f"The frames are read back from the log and laid out: {where}. This page looks again by itself.",
        head,
    )


def failed(incident_id: str, reason: str) -> Answer:
    """It could not be made."""
    again = f'<p><a href="{path_of(incident_id)}?again">Try again</a></p>'
    return _notice(500, "The report could not be made", f"The reason: {reason}.", after=again)


def unknown() -> Answer:
    """No such report."""
    text = (
        "No report has this address: the monitor makes them for drift and label incidents that are open, and keeps the newest. `keepsight status` names the "
        "open incidents with their ids; `keepsight report INCIDENT` makes a report of one that is over, as long as the log keeps its frames."
    )
    return _notice(404, "No such report", text)


def crowded() -> Answer:
    """Too many are waiting."""
    return _notice(503, "Many reports are waiting", "They are made one at a time. Ask again in a minute.")


def _notice(status: int, title: str, text: str, head: str = "", after: str = "") -> Answer:
    return Answer(status, document(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{after}", head).encode(), _HTML)
