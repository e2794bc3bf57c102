"""Which stored frames a page shows: the newest of those that an incident or a camera names, as far as the frame store still has them."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from contracts.incidents import Incident
from monitor.console.places import Places
from monitor.console.shell import PREFIX, clock

MOST: Final = 6
"""Of each side."""


class Photograph(NamedTuple):
    """A stored frame. `taken_at` in Unix seconds."""

    frame_id: str
    camera: str
    taken_at: float


class Shown:
    """Looks for the frames that `paths` name, all at once. `left_out` then says why some are not shown, "" when all are."""

    def __init__(self, places: Places, model: str, paths: Iterable[str]) -> None:
        self._cards, reason = places.cards(model, sorted({*map(_id_of, paths)}))
        gone = "Some are no longer in the frame store: retention took them." if None in self._cards.values() else ""
        self.left_out = reason or gone

    def of(self, paths: Iterable[str], first: float = float("-inf"), end: float = float("inf")) -> list[Photograph]:
        """The newest of these that were taken from `first` until before `end` (Unix seconds), oldest first."""
        found = []
        for frame_id in sorted({*map(_id_of, paths)}):  # an id begins with its time
            card = self._cards.get(frame_id)
            if card is not None and first <= card.captured_at < end:
                found.append(Photograph(frame_id, card.camera, card.captured_at))
        return found[-MOST:]


def sides(places: Places, model: str, incident: Incident) -> tuple[list[Photograph], list[Photograph], str]:
    """Before an incident began, and since, and why some are not shown."""
    shown = Shown(places, model, (*incident.reference_examples, *incident.examples))
    before = shown.of(incident.reference_examples, end=incident.since)
    return before, shown.of(incident.examples, first=incident.since), shown.left_out


def _id_of(path: str) -> str:
    return PurePosixPath(path).stem


def figures(title: str, shown: Sequence[Photograph]) -> str:
    """A side's photographs, each a link to the frame as it was sent."""
    inside = ""
    for one in shown:
        camera, where = escape(one.camera, quote=True), f"{PREFIX}/frames/{one.frame_id}"
        inside += (
            f'<figure><a href="{where}" aria-label="Frame of camera {camera} as it was sent"><img src="{where}/small" loading="lazy" '
            f'alt="Frame of camera {camera}"></a><figcaption>{escape(one.camera)}<br>{clock(one.taken_at)}</figcaption></figure>'
        )
    return f'<div class="card"><h3>{escape(title)}</h3><div class="pictures">{inside or "<p>none is stored</p>"}</div></div>'
