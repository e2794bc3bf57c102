"""The frame of every page of the console, and the small pieces that pages are made of. All text is data: it is escaped here.

A page loads its style and its script from the monitor and nothing from anywhere else, and cannot be framed; its policy holds that even where an escape
were forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from contracts.health import Answer
from contracts.ids import new_id

PREFIX: Final = "/console"
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
SHUT: Final = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""What pages and pictures go out with: no cache keeps them, and no other site's page may show them."""
HTML: Final = "text/html; charset=utf-8"
RATIO_MOST: Final = 1e6
"""The monitor says no more than this."""
ANSWER_S: Final = 5
"""A page that tells of an order is looked at again so soon: retrain answers within seconds."""
TABS: Final = {
    "": "Fleet",
    "incidents": "Incidents",
    "cameras": "Cameras",
    "jobs": "Jobs",
    "labels": "Labels",
    "versions": "Versions",
    "audit": "Audit",
}
"""By what follows the prefix."""
STATIC: Final = {
    name: ((Path(__file__).parent / "static" / name).read_bytes(), kind)
    for name, kind in (
        ("style.css", "text/css"),
        ("label.js", "text/javascript"),
        ("boxes.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    )
}
_STAMP: Final = {name: sha256(content).hexdigest()[:12] for name, (content, _) in STATIC.items()}
_TONES: Final[dict[str, str]] = {
    **dict.fromkeys(("succeeded", "stable", "champion", "pass", "done", "quiet", "closed"), "good"),
    **dict.fromkeys(
        ("failed", "rejected", "rolled_back", "rolling_back", "refused", "fail", "silent", "page", "drifted", "fault"), "bad"
    ),
    **dict.fromkeys(("held", "awaiting_approval", "inconclusive", "suspect", "ticket", "open"), "wait"),
    **dict.fromkeys(("running", "shadow", "canary", "watch", "candidate", "warming"), "live"),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page knows. `now` in Unix seconds."""

    model: str
    now: float
    token: str
    """Of its forms."""
    name: str
    """Of who looks, where the browser remembers it."""
    wanted: int = 0
    """Frames that wait for a label."""
    incidents: int = 0
    """That are open."""
    trouble: str | None = None
    """Why the newest may be missing."""
    said: str = ""
    """What was ordered on the page before."""
    refused: str = ""
    """Why retrain refused that; "" where it did not, or has not answered yet."""


def page(frame: Frame, tab: str, title: str, body: str, status: int = 200, script: str = "", refresh_s: int = 0) -> Answer:
    """A page; `body` is HTML, `title` is text. A script reloads it after `refresh_s` while nobody writes on it."""
    counts = {"labels": (frame.wanted, "waiting"), "incidents": (frame.incidents, "open")}
    tabs = "".join(_tab(name, text, tab, *counts.get(name, (0, ""))) for name, text in TABS.items())
    trouble = (
        f'<p class="notice wait" role="status">{escape(frame.trouble)}. What stands here may be old.</p>' if frame.trouble else ""
    )
    said = f'<p class="notice good" role="status">{escape(frame.said)}</p>' if frame.said else ""
    if frame.refused:
        said = f'<p class="notice bad" role="status"><b>Refused</b>, nothing was done: {escape(frame.refused)}.</p>'
    every_s = refresh_s or (ANSWER_S if frame.said else 0)
    scripts = "".join(f'<script src="{asset(name)}" defer></script>' for name in (script, "label.js") if name)
    html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} · {escape(frame.model)} · Keepsight</title>
<link rel="icon" href="{asset("icon.svg")}">
<link rel="stylesheet" href="{asset("style.css")}">{scripts}
</head>
<body{f' data-refresh="{every_s}"' if every_s else ""}>
<a class="skip" href="#main">To the content</a>
<header class="top"><div><a class="mark" href="{PREFIX}/"><i aria-hidden="true"></i>Keepsight</a> <b>{escape(frame.model)}</b>
<nav aria-label="Console">{tabs}</nav></div></header>
<main id="main">{trouble}{said}
{body}
</main>
<footer><p>{clock(frame.now)} · <a href="{PREFIX}/runbooks">Runbooks</a> · what is decided here is an event on the log, with name and reason</p></footer>
</body>
</html>
"""
    return Answer(status, html.encode(), HTML, (("Content-Security-Policy", POLICY), *SHUT))


def unknown(frame: Frame, tab: str, what: str, body: str) -> Answer:
    """No such thing, as far as the log was read: while it is being read, or away, that is no answer yet, and the page looks again."""
    if frame.trouble:
        told = f"<h1>This {what} is not known yet</h1><p>The log is not read to its end. The page looks again by itself.</p>"
        return page(frame, tab, f"This {what} is not known yet", told, 503, refresh_s=ANSWER_S)
    return page(frame, tab, f"No such {what}", f"<h1>No such {what}</h1><p>{body}</p>", 404)


def asset(name: str) -> str:
    """Where the style or a script lies: it changes its address when it changes."""
    return f"{PREFIX}/static/{name}?{_STAMP[name]}"


def _tab(name: str, text: str, here: str, count: int, what: str) -> str:
    current = ' aria-current="page"' if name == here else ""
    badge = f' <small>{count}<span class="hidden"> {what}</span></small>' if count else ""
    return f'<a href="{PREFIX}/{name}"{current}>{text}{badge}</a>'


def see_other(where: str, *headers: tuple[str, str]) -> Answer:
    """To another page, after a post."""
    return Answer(303, b"", "text/plain", (("Location", where), *headers))


def tone(state: str) -> str:
    """The class of a state's colour."""
    return _TONES.get(state, "soft")


def badge(state: str) -> str:
    """A state in its colour, and in words."""
    return f'<span class="badge {tone(state)}">{escape(state.replace("_", " "))}</span>'


def facts(pairs: Mapping[str, str]) -> str:
    """Names and values (HTML); empty ones are left out."""
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{html}</dd>" for name, html in pairs.items() if html) + "</dl>"


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    """A table of HTML cells in a card; `empty` is said where it has no rows. On a phone each row is a card of its own, each cell with its column's name."""
    body = "".join(
        "<tr>" + "".join(f'<td data-head="{escape(one)}">{cell}</td>' for one, cell in zip(head, row, strict=True)) + "</tr>"
        for row in rows
    )
    if not body:
        return f'<p class="soft">{escape(empty)}</p>'
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    return f'<div class="card wide"><table id="{name}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def ratio(value: float) -> str:
    """A figure over its limit, heavy where it is above."""
    tag = "b" if value >= 1 else "span"
    return f'<{tag} class="number">{f"{value:.2f}" if value < RATIO_MOST else "1e6 or more"}</{tag}>'


def progress(share: float, of: str) -> str:
    """A bar, 0 to 1."""
    share = min(1.0, max(0.0, share))
    return f'<progress max="1" value="{share:.4f}" aria-label="{escape(of)}">{share:.0%}</progress> <span class="number">{share:.0%}</span>'


def clock(at: float) -> str:
    """A time."""
    moment = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'


def day(at: float) -> str:
    """A time as text, to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def ago(at: float, now: float) -> str:
    """How long a time is past; the time itself on a look closer."""
    moment = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}" title="{moment:%Y-%m-%d %H:%M:%S} UTC">{span(now - at)} ago</time>'


def span(seconds: float) -> str:
    """A duration, in its two largest units."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if left >= size or (name == "s" and not parts):
            parts.append(f"{left // size} {name}")
            left %= size
    return " ".join(parts[:2])


def pages(path: str, number: int, last: int, words: tuple[str, str] = ("Newer", "Older")) -> str:
    """Links to the pages of a long list; `path` ends where the number goes."""
    if last <= 1:
        return ""
    before = f'<a href="{escape(path)}{number - 1}" rel="prev">{words[0]}</a>' if number > 1 else ""
    after = f'<a href="{escape(path)}{number + 1}" rel="next">{words[1]}</a>' if number < last else ""
    return f'<nav class="pages" aria-label="Pages">{before}<span>page {number} of {last}</span>{after}</nav>'


def act(frame: Frame, title: str, explained: str, where: str, fields: str = "", danger: bool = False) -> str:
    """A folded form for an order with name and reason; `fields` is more HTML inside it. It bears the id of the event that it becomes: sent twice, it is one."""
    return f"""<details class="act{" danger" if danger else ""}"><summary>{escape(title)}</summary><form method="post" action="{escape(where)}">
<p>{escape(explained)}</p><input type="hidden" name="token" value="{escape(frame.token)}"><input type="hidden" name="id" value="{new_id(frame.now)}">{fields}
<label>Your name <input name="by" required maxlength="100" autocomplete="name" value="{escape(frame.name)}"></label>
<label>Reason <textarea name="reason" required maxlength="500" rows="2"></textarea></label>
<button>{escape(title)}</button></form></details>"""
