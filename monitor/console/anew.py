"""The page that a form of an old page gets: what was typed stands there anew, under this process's token, to be looked at and sent once more."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

from contracts.health import Answer
from monitor.console import shell
from monitor.console.shell import PREFIX, Frame

TYPED: Final = {"by": "Your name", "reason": "Reason", "confirm": "Typed to confirm"}
"""Fields that a person wrote, in the order of the page; the others go along unseen."""

SPOKEN: Final[Mapping[tuple[str, ...], str]] = {("jobs", "ask"): "Ask for a retraining", ("versions", "rollback"): "Roll back"}
"""What the others are called follows from their address: `versions/2/approve`."""


def again(frame: Frame, path: Sequence[str], fields: Mapping[str, str]) -> Answer:
    """The form that was posted to `path` (its parts below /console), not done yet."""
    where = "/".join((PREFIX, *(quote(part, safe="") for part in path)))
    written = "".join(
        f'<label>{label} <input name="{name}" required value="{escape(fields[name], quote=True)}"></label>'
        for name, label in TYPED.items()
        if name in fields
    )
    along = "".join(
        f'<input type="hidden" name="{escape(name, quote=True)}" value="{escape(value, quote=True)}">'
        for name, value in (("token", frame.token), *((name, value) for name, value in fields.items() if name not in TYPED))
    )
    body = f"""<h1>That page was old: here it is anew</h1>
<p class="lead">The monitor was started since you opened it. Nothing was done yet. See whether it is still right, then send it again.</p>
<details class="act" open><summary>{escape(_what(path, fields))}</summary><form method="post" action="{where}">{along}{written}
<button>Send it again</button><a href="{PREFIX}/{quote(path[0], safe="")}">Leave it</a></form></details>"""
    return shell.page(frame, path[0], "Send it again", body, 409)


def _what(path: Sequence[str], fields: Mapping[str, str]) -> str:
    """What the form is about, in words: by its address, which ends in what is to be done."""
    if path[0] == "labels":
        said = fields.get("label") or ("its boxes" if fields.get("boxes") else "")
        return f"Label frame {fields.get('frame', '')}: {'unsure' if fields.get('unsure') else said}"
    force = ", at once" if fields.get("force") else ""
    return SPOKEN.get(tuple(path)) or f"{path[-1].capitalize()} {' '.join((path[0].removesuffix('s'), *path[1:-1]))}{force}"
