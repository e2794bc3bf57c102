"""What a list of picks says on the log (LabelsWanted), and when it is worth saying: it replaces the list before, and is no news when it is the same."""

from collections.abc import Sequence
from typing import Final

from contracts.events import LabelsWanted, WantedFrame
from retrain.labels.selection import Pick

EVERY_S: Final = 60.0
"""Between two lists: a person labels some frames in a minute, and the console need not blink more often."""


def wanted(picks: Sequence[Pick], model: str, request_key: str, now: float, event_id: str) -> LabelsWanted:
    """The event of a list. `request_key` is the episode whose job waits for it, "" for none."""
    frames = tuple(
        WantedFrame(pick.frame.frame_id, pick.frame.camera, pick.frame.path, pick.why, pick.frame.suggested) for pick in picks
    )
    return LabelsWanted(event_id=event_id, occurred_at=now, model=model, request_key=request_key, frames=frames)


def is_news(said: LabelsWanted | None, next_one: LabelsWanted) -> bool:
    """Whether a list is to be said after the one that was said last: it differs, and a minute has gone by."""
    if said is None:
        return bool(next_one.frames)
    same = (said.request_key, said.frames) == (next_one.request_key, next_one.frames)
    return not same and next_one.occurred_at - said.occurred_at >= EVERY_S
