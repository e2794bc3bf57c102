"""The page where a person labels: one photograph, a button and a key for each class. Without a script it is a form that works the same, but for the keys and
for boxes. What the model says is folded away: who reads it first agrees with it too often."""

from html import escape
from typing import Final
from urllib.parse import quote

import msgspec

from contracts.health import Answer
from contracts.predictions import Box, Classification, Detections
from monitor.console import shell
from monitor.console.queue import Turn
from monitor.console.said import Answered
from monitor.console.shell import PREFIX, Frame, clock

WHY: Final = {
    "uncertain": "the model is unsure of it",
    "diverse": "nothing like it was labelled yet",
    "drifted": "it was taken since the change began",
    "uniform": "it was drawn at random: such frames measure the model",
    "suspect": "its label is doubted: say what you see",
}
WHERE: Final = f"{PREFIX}/labels"
KEYS: Final = 9


def one(frame: Frame, turn: Turn, labels: tuple[str, ...], said: Answered | None, undo: str) -> Answer:
    """A frame to label; `said` is what was said of it before, `undo` the frame that was answered last ("" for none)."""
    size, detects = turn.size, isinstance(turn.card.predictions[0].prediction, Detections)
    picture = (
        f'<div class="stage" id="stage"><img id="photograph" src="{PREFIX}/frames/{turn.card.frame_id}" width="{size.width}" '
        f'height="{size.height}" alt="Frame of camera {escape(turn.card.camera, quote=True)}"></div>'
    )
    back = f'<a data-key="z" href="{WHERE}?frame={quote(undo)}">Undo <kbd>Z</kbd></a>' if undo else ""
    still = f"&amp;undo={quote(undo)}" if undo else ""
    before = (
        f'<a data-key="ArrowLeft" href="{WHERE}?frame={quote(turn.before)}{still}">Back <kbd>←</kbd></a>' if turn.before else ""
    )
    ahead = f'<link rel="prefetch" href="{PREFIX}/frames/{quote(turn.after)}">' if turn.after else ""
    form = f"""<form method="post" action="{WHERE}" id="label" data-kind="{"boxes" if detects else "class"}">
<input type="hidden" name="token" value="{escape(frame.token)}"><input type="hidden" name="frame" value="{turn.card.frame_id}">
{_who(frame.name)}
{_boxes(labels, said) if detects else _classes(labels, said)}
<div class="others"><button name="unsure" value="yes" data-key="u">Unsure <kbd>U</kbd></button>
<a data-key="s ArrowRight" href="{WHERE}?after={turn.card.frame_id}{still}">Skip <kbd>S</kbd></a>{back}
{before}</div></form>"""
    told = (
        f'<p class="notice soft" role="status">You said <b>{escape(_words(said))}</b>. That stands until you say otherwise.</p>'
        if said
        else ""
    )
    body = f"""<h1 class="hidden">Label a frame</h1>
<div class="labelling">{picture}
<aside><p class="kind">{shell.badge(turn.wanted.why)} {escape(WHY.get(turn.wanted.why, ""))}</p>
<p><b>{escape(turn.card.camera)}</b> · {escape(turn.card.site)}<br><span class="soft">{clock(turn.card.captured_at)}</span></p>
{told}{form}{_model(turn)}
<p class="soft queue">{_bar(turn)}</p></aside></div>
{ahead}"""
    return shell.page(frame, "labels", "Label frames", body, script="boxes.js" if detects else "")


def empty(frame: Frame, total: int, undo: str) -> Answer:
    """Nothing to label."""
    if total:
        words = f"All {total} frames of the list are done, or gone from the frame store. Retrain names others within a minute or so, if it wants more."
    else:
        words = (
            "Retrain has named no frame yet. It names stored frames without a label within seconds of the first: see whether it runs, and whether"
            " <code>sample_share</code> of serving lets frames be stored."
        )
    back = f'<p><a data-key="z" href="{WHERE}?frame={quote(undo)}">Back to the last one <kbd>Z</kbd></a></p>' if undo else ""
    body = f'<div class="quiet"><h1>Nothing to label</h1><p>{words}</p>{back}</div>'
    return shell.page(frame, "labels", "Nothing to label", body, refresh_s=15)


def _classes(labels: tuple[str, ...], said: Answered | None) -> str:
    buttons = "".join(
        f'<button name="label" value="{escape(label, quote=True)}"{_key(number)}{_pressed(said, label)}>{escape(label)}{_hint(number)}</button>'
        for number, label in enumerate(labels)
    )
    more = f'<p class="soft"><kbd>0</kbd> moves the keys to the next {KEYS} classes</p>' if len(labels) > KEYS else ""
    return f'<fieldset class="classes"><legend>What does it show?</legend>{buttons}</fieldset>{more}'


def _boxes(labels: tuple[str, ...], said: Answered | None) -> str:
    drawn = said.boxes if said is not None and said.boxes is not None else ()
    classes = "".join(
        f'<button type="button" class="tool" data-class="{escape(label, quote=True)}"{_key(number)} aria-pressed="{"true" if not number else "false"}">'
        f"{escape(label)}{_hint(number)}</button>"
        for number, label in enumerate(labels)
    )
    return f"""<fieldset class="classes"><legend>Class of the box that is chosen, and of the next</legend>{classes}</fieldset>
<input type="hidden" name="boxes" value="{escape(_json(drawn), quote=True)}"><ol id="boxes" aria-label="Boxes" aria-live="polite"></ol>
<p class="soft script">Drag on the photograph, from any corner; a box is moved by its middle. No box says that there is nothing to see.
<span class="keys"><kbd>B</kbd> puts a box into the middle, <kbd>Tab</kbd> chooses one, arrows move it, with <kbd>Shift</kbd> they resize.</span></p>
<noscript><p class="notice wait">Boxes are drawn with a script. Without one you can only say that there is nothing to see.</p></noscript>
<div class="others"><button type="button" data-key="b" id="add">Box <kbd>B</kbd></button><button type="button" data-key="d Delete Backspace" id="remove">Delete
<kbd>D</kbd></button><button class="main" data-key="Enter" id="done">Done <kbd>Enter</kbd></button></div>"""


def _who(name: str) -> str:
    """Who labels: asked once, then folded away."""
    field = f'<input name="by" required maxlength="100" autocomplete="name" aria-label="Your name" value="{escape(name)}">'
    if not name:
        return f'<label class="who">Your name {field}</label>'
    return f'<details class="who"><summary>You label as <b>{escape(name)}</b></summary>{field}</details>'


def _bar(turn: Turn) -> str:
    return f'<progress max="{turn.total}" value="{turn.done}" aria-label="frames done"></progress> {turn.done} of {turn.total} done'


def _key(number: int) -> str:
    return f' data-key="{number + 1}"' if number < KEYS else ""


def _hint(number: int) -> str:
    return f" <kbd>{number + 1}</kbd>" if number < KEYS else " <kbd></kbd>"


def _pressed(said: Answered | None, label: str) -> str:
    return ' aria-pressed="true"' if said is not None and said.label == label else ""


def _words(said: Answered) -> str:
    if said.boxes is not None:
        return f"{len(said.boxes)} box{'' if len(said.boxes) == 1 else 'es'}"
    return said.label or "unsure"


def _model(turn: Turn) -> str:
    """What the model says, folded away."""
    answer = turn.card.predictions[0].prediction
    suspect = (
        f"<p>Other labels speak for <b>{escape(turn.wanted.suggested)}</b>.</p>"
        if turn.wanted.why == "suspect" and turn.wanted.suggested
        else ""
    )
    if isinstance(answer, Classification):
        best = list(zip(answer.labels, answer.probabilities, strict=True))[:5]
        inside = f"<ol>{''.join(f'<li>{escape(label)} <span class=number>{share:.0%}</span></li>' for label, share in best)}</ol>"
    else:
        kept = tuple(box for box in answer.boxes[:100] if box.score >= 0.3)
        inside = (
            f'<p>{len(kept)} boxes.</p><button type=button id=take data-boxes="{escape(_json(kept), quote=True)}">Begin with these</button>'
            if kept
            else "<p>Nothing.</p>"
        )
    return f'<details class="model"><summary data-key="m">What the model says <kbd>M</kbd></summary>{suspect}{inside}</details>'


def _json(boxes: tuple[Box, ...]) -> str:
    return msgspec.json.encode(boxes).decode()
