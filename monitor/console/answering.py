"""What a person said of a frame, as events: the label, and that a doubted one was looked at."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec

from contracts.errors import TruthRefusedError
from contracts.events import AnyEvent, FrameLabelled, ReviewLabel
from contracts.frame_header import Header
from contracts.frame_store import StoredFrame
from contracts.ids import new_id
from contracts.labelling import MAX_BOXES, labelled, truth_of
from contracts.predictions import Box, Detections
from monitor.console.forms import FormError, named
from monitor.console.said import SOURCE, Answered

MIN_SIDE: Final = 2.0
"""Pixels of a box: a smaller one is a slip of the hand."""
_Boxes = Annotated[tuple[Box, ...], msgspec.Meta(max_length=MAX_BOXES)]


class Answering:
    """`clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def events(
        self,
        card: StoredFrame,
        size: Header,
        suspect: bool,
        known: tuple[str, ...],
        before: Answered | None,
        fields: Mapping[str, str],
        key_id: str,
    ) -> tuple[AnyEvent, ...]:
        """The events of a form; `before` is what was said of the frame here already. Raises FormError."""
        by, now = named(fields, key_id), self._clock()
        if fields.get("unsure"):
            taken_back = before is not None and (before.label, before.boxes) != (None, None)
            return (self._review(card, by, "wrong" if taken_back else "unsure", now),)
        event = self._label(card, size, known, fields, by, now)
        return (event, self._review(card, by, "right", now)) if suspect else (event,)

    def _label(
        self, card: StoredFrame, size: Header, known: tuple[str, ...], fields: Mapping[str, str], by: str, now: float
    ) -> FrameLabelled:
        boxes = _boxes(fields.get("boxes", ""), size) if isinstance(card.predictions[0].prediction, Detections) else None
        try:
            return labelled(
                card, truth_of(card, None if boxes is not None else fields.get("label", ""), boxes, known), by, SOURCE, now
            )
        except TruthRefusedError as error:
            raise FormError(str(error)) from None

    def _review(self, card: StoredFrame, by: str, verdict: str, now: float) -> ReviewLabel:
        return ReviewLabel(event_id=new_id(now), occurred_at=now, model=card.model, frame_id=card.frame_id, by=by, verdict=verdict)  # type: ignore[arg-type]  # one of the three


def _boxes(text: str, size: Header) -> tuple[Box, ...]:
    """The boxes of a form, inside the frame, in hundredths of a pixel."""
    try:
        boxes = msgspec.json.decode(text, type=_Boxes)
    except msgspec.MsgspecError as error:
        raise FormError(f"the boxes cannot be read: {error}") from None
    found = []
    for number, box in enumerate(boxes, 1):
        x1, x2 = sorted((box.x1, box.x2))
        y1, y2 = sorted((box.y1, box.y2))
        if not (x1 >= -1 and x2 <= size.width + 1 and y1 >= -1 and y2 <= size.height + 1):
            raise FormError(f"box {number} does not lie inside the frame of {size.width} x {size.height} pixels")
        if min(x2 - x1, y2 - y1) <= MIN_SIDE:
            raise FormError(f"box {number} has a side of {MIN_SIDE:g} pixels or less")
        corners = (max(0.0, x1), max(0.0, y1), min(float(size.width), x2), min(float(size.height), y2))
        found.append(Box(box.label, *(round(corner, 2) for corner in corners)))
    return tuple(found)
