"""Which stored frames a page shows: the newest of those that an incident or a camera names, as far as the frame store still has them."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from contracts.errors import StoreError
from contracts.incidents import Incident
from monitor.console.places import Places
from monitor.console.shell import PREFIX, clock

MOST: Final = 6
"""Of each side: a card is read for each."""


class Photograph(NamedTuple):
    """A stored frame. `taken_at` in Unix seconds."""

    frame_id: str
    camera: str
    taken_at: float


class Shown:
    """Looks for frames of a model; `left_out` then says why some are not shown, "" when all are."""

    def __init__(self, places: Places, model: str) -> None:
        self._places, self._model = places, model
        self.left_out = ""

    def of(self, paths: Iterable[str], first: float = float("-inf"), end: float = float("inf")) -> list[Photograph]:
        """The newest of these that were taken from `first` until before `end` (Unix seconds), oldest first. Never raises for want of a frame."""
        found: list[Photograph] = []
        for frame_id in sorted({PurePosixPath(path).stem for path in paths}, reverse=True):  # an id begins with its time
            if len(found) == MOST:
                break
            try:
                card = self._places.card(self._model, frame_id)
            except StoreError as error:
                self.left_out = str(error)
                break  # each of the others would be waited for, too
            if card is None:
                self.left_out = self.left_out or "Some are no longer in the frame store: retention took them."
            elif first <= card.captured_at < end:
                found.append(Photograph(frame_id, card.camera, card.captured_at))
        return found[::-1]

    def sides(self, incident: Incident) -> tuple[list[Photograph], list[Photograph]]:
        """Before an incident began, and since."""
        before = self.of(incident.reference_examples, end=incident.since)
        return before, self.of(incident.examples, first=incident.since)


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
