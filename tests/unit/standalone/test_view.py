"""What one sees while the demo runs: a live page that folds what an incident says again and again, and plain lines that leave nothing out."""

import io

from rich.console import Console

from standalone.facts import Entry
from standalone.timeline import UPDATED
from standalone.view import LiveView, PlainView

ENTRIES = (
    Entry(1.0, "incident opened", "Line-3 drifts; 1.5 times its limit [cam-31]", "bad"),
    *(Entry(2.0 + n, UPDATED, f"Line-3 drifts; {n} labels [cam-31]", "bad") for n in range(40)),
    Entry(50.0, "retraining requested", "harm [of] 6 points", "bad"),
)


def test_the_live_page_folds_an_incidents_words_and_shows_text_as_it_is() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, force_terminal=True, width=140, height=40))
    for entry in ENTRIES:
        view.entry(entry)
    view.close()
    page = out.getvalue()
    last = page[page.rindex("what happened") :]
    assert last.count("incident updated") == 1
    for words in ("incident updated ×40", "39 labels", "incident opened", "harm [of] 6 points"):
        assert words in last


def test_plain_lines_leave_nothing_out() -> None:
    out = io.StringIO()
    view = PlainView(out)
    for entry in ENTRIES:
        view.entry(entry)
    assert len(out.getvalue().splitlines()) == len(ENTRIES)
