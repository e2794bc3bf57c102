"""What a list of wanted frames says on the log (LabelsWanted): labels to look at again, then frames without one. It replaces the list before."""

from collections.abc import Sequence
from typing import Final

import msgspec

from contracts.events import LabelsWanted, WantedFrame
from contracts.files import sha256
from retrain.labels.selection import Pick

EVERY_S: Final = 60.0
"""Between two lists: a person labels some frames in a minute, and the console need not blink more often."""


def wanted(
    doubted: Sequence[WantedFrame], picks: Sequence[Pick], model: str, request_key: str, now: float, event_id: str
) -> LabelsWanted:
    """The event of a list. `request_key` is the episode whose job waits for labels, "" for none."""
    frames = tuple(
        WantedFrame(pick.frame.frame_id, pick.frame.camera, pick.frame.path, pick.why, pick.frame.suggested) for pick in picks
    )
    return LabelsWanted(event_id=event_id, occurred_at=now, model=model, request_key=request_key, frames=(*doubted, *frames))


def gist(event: LabelsWanted) -> str:
    """The same for two lists that say the same, whenever they are said; "" for an empty one, which is what stands before the first."""
    return sha256(msgspec.json.encode((event.request_key, event.frames))) if event.frames else ""
