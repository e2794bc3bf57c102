"""The runbooks of alerts as pages: an on-call engineer who has a link of an alert can open its runbook wherever the console can be opened."""

from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from contracts.health import Answer
from monitor.console import markdown, shell
from monitor.console.shell import PREFIX, Frame, table

FOLDER: Final = ("dashboards", "runbooks")
"""The package that holds them as data, and where. Nothing of it is imported."""
ELSEWHERE: Final = (
    "Commands are those of one machine. In Kubernetes <code>keepsight</code> runs in each of our pods (<code>kubectl exec POD -- keepsight status</code>), "
    "<code>curl</code> through <code>kubectl port-forward</code>, and what stands after <code>promtool query instant URL</code> goes into Prometheus' own "
    "page or Grafana's Explore."
)


@cache
def shelf() -> dict[str, str]:
    """Markdown by alert, in order of name; {} where they are not installed."""
    spec = find_spec(FOLDER[0])
    folders = spec.submodule_search_locations if spec is not None else None
    files = sorted(Path(folders[0], FOLDER[1]).glob("*.md")) if folders else []
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def listed(frame: Frame) -> Answer:
    """All of them."""
    rows = [(f'<a href="{PREFIX}/runbooks/{name}">{escape(name)}</a>', _meaning(text)) for name, text in shelf().items()]
    whole = table("runbooks", ("alert", "means"), rows, "They are not installed beside this monitor.")
    body = f'<h1>Runbooks</h1><p class="lead">One for each alert.</p>{whole}'
    return shell.page(frame, "none", "Runbooks", body)


def one(frame: Frame, name: str) -> Answer:
    """The runbook of an alert."""
    text = shelf().get(name)
    if text is None:
        words = f'No alert of ours has this name. <a href="{PREFIX}/runbooks">Those that have a runbook</a>.'
        return shell.page(frame, "none", "No such runbook", f"<h1>No such runbook</h1><p>{words}</p>", 404)
    headed = markdown.title(text)

    def link(target: str) -> str:
        return "" if target == name else _link(target)  # it is open already

    body = markdown.html(text, link) if headed else f"<h1>{escape(name)}</h1>{markdown.html(text, link, 2)}"
    return shell.page(frame, "none", headed or name, f'<article class="runbook">{body}<p class="lead">{ELSEWHERE}</p></article>')


def _link(target: str) -> str:
    """To another runbook, or out into the web; the repository's other pages are not here."""
    name = target.rpartition("/")[2].removesuffix(".md")
    if name in shelf():
        return f"{PREFIX}/runbooks/{name}"
    return target if target.startswith(("http://", "https://", f"{PREFIX}/", "/v1/")) else ""


def _meaning(text: str) -> str:
    """Its first sentence (HTML)."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    first = markdown.html(" ".join(lines[:3]), _link).removeprefix("<p>").partition("</p>")[0]
    return first.replace("<b>Meaning.</b> ", "").partition(". ")[0].rstrip(".") + "."
