"""The making of a FrameLabelled event: a stored frame's card and what somebody says is true of it. One rule for serving's endpoint, for label files
and for every other way that a label comes in. What was said last of a frame is true: a truth may be corrected, and corrected back.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.errors import TruthRefusedError
from contracts.events import FrameLabelled
from contracts.frame_store import StoredFrame
from contracts.ids import derived_id
from contracts.predictions import Box, BoxesTruth, ClassTruth, Detections, Truth

MAX_BOXES: Final = 2000
"""In one frame: with their labels some 200 KB of an event, of which a Kafka broker takes 1 MB by default."""
MAX_NAME: Final = 128
"""Characters of a frame's id, and of who labelled."""


def truth_of(card: StoredFrame, label: str | None, boxes: tuple[Box, ...] | None, known: Sequence[str]) -> Truth:
    """The truth of a frame, of the kind that its predictions are: a `label`, or `boxes` in pixels of the frame as sent, which may be none.

    `known` are the classes that the versions in service answer, and those of the setting new_classes. Raises TruthRefusedError naming what is allowed.
    """
    detects = isinstance(card.predictions[0].prediction, Detections)
    if (boxes is None) is detects or (label is None) is not detects:
        wanted = "`boxes`, a list that may be empty" if detects else "`label`, one of the model's classes"
        raise TruthRefusedError("wrong-truth", f"frame {card.frame_id} needs {wanted}, and nothing else")
    for said in [box.label for box in boxes or ()] if detects else [label]:
        if said not in known:
            raise TruthRefusedError(
                "unknown-class",
                f"{said!r} is no class of the versions in service; known: {', '.join(known)}. A new class is listed in the setting new_classes first",
            )
    return BoxesTruth(boxes or ()) if detects else ClassTruth(str(label))


def labelled(card: StoredFrame, truth: Truth, labelled_by: str, source: str, now: float) -> FrameLabelled:
    """The event that `labelled_by` said at `now` (Unix seconds) what is true of a stored frame; `source` is which way that came.

    Its id follows from the frame, the truth and the millisecond: a truth that is said again is another event, because one in between may have
    corrected it. Readers take the newest of a frame, and one that says what is known already changes nothing.
    """
    return FrameLabelled(
        event_id=derived_id(card.frame_id, "label", msgspec.json.encode(truth).decode(), f"{now:.3f}"),
        occurred_at=now,
        model=card.model,
        frame_id=card.frame_id,
        camera=card.camera,
        site=card.site,
        captured_at=card.captured_at,
        truth=truth,
        predictions=card.predictions,
        labelled_by=labelled_by,
        source=source,
        stored=card.path,
        sample=card.sample,
    )
