"""A frame on its way to the shadow version, after its answer."""

from dataclasses import dataclass

from contracts.events import FrameScored
from contracts.frame_store import StoredFrame
from serving.scoring.seen import View


@dataclass(frozen=True, slots=True, eq=False)
class ShadowFrame:
    """`view` is the frame as the shadow version of that moment takes it, `answered` the answer's event.

    `card` and `content` (the bytes as sent) are there when the frame was sampled: its card is written again with the shadow's prediction.
    """

    answered: FrameScored
    view: View
    card: StoredFrame | None
    content: bytes
