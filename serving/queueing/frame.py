"""A frame on its way through the server: what the edge knows of it, and how its answer gets back to the camera that waits."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from contracts import frames as framing
from contracts.events import Sample
from contracts.frames import Header
from contracts.predictions import Prediction, Variant
from serving.models.served import Scores, Served
from serving.problems import ProblemError
from serving.settings import Camera
from serving.telemetry.trace import Trace


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera hears of a frame. `sample` null: the frame was not stored and cannot be labelled. Times are Unix seconds."""

    frame_id: str
    camera: str
    model: str
    version: str
    variant: Variant
    prediction: Prediction
    confidence: float
    entropy: float
    sample: Sample | None
    captured_at: float
    received_at: float


Outcome = Answer | ProblemError


@dataclass(slots=True, eq=False)
class Frame:
    """One admitted frame. `queued_at`, `begun_at`, `decided_at` and `deadline_at`, which is `deadline_s` after the request's arrival, are on the performance
    counter (seconds); `outcome` belongs to the event loop's thread. `large` frames take their turns alone (see large.py).

    `content` are the pixels where the header's codec is `rgb`. A frame that is `pinned` is answered by that version, whichever is the camera's. `scores` are
    what the answer was made of.
    """

    frame_id: str
    camera_name: str
    camera: Camera
    captured_at: float
    received_at: float
    header: Header
    content: bytes | memoryview
    outcome: asyncio.Future[Outcome]
    deadline_s: float = math.inf
    deadline_at: float = math.inf
    large: bool = False
    queued_at: float = 0.0
    begun_at: float = 0.0
    decided_at: float = 0.0
    pinned: tuple[Served, Variant] | None = None
    scores: Scores | None = None
    trace: Trace | None = None

    def file(self) -> bytes:
        """The frame as it is stored: as it came, pixels as PNG."""
        if self.header.codec == "rgb":
            return framing.encode_png(framing.decode(self.content, self.header))
        return bytes(self.content)


Deliver = Callable[[Sequence[tuple[Frame, Outcome]]], None]
"""Hands outcomes back to those who wait; called from worker threads."""


def settle(frame: Frame, outcome: Outcome) -> None:
    """Give a frame its outcome, on the event loop."""
    if not frame.outcome.done():  # its request may have ended
        frame.outcome.set_result(outcome)


def deliver_on(loop: asyncio.AbstractEventLoop) -> Deliver:
    """A Deliver for futures of `loop`: one wake-up of the loop a batch."""

    def settle_all(outcomes: Sequence[tuple[Frame, Outcome]]) -> None:
        for frame, outcome in outcomes:
            settle(frame, outcome)

    def deliver(outcomes: Sequence[tuple[Frame, Outcome]]) -> None:
        now = time.perf_counter()
        for frame, _ in outcomes:
            frame.decided_at = now
        loop.call_soon_threadsafe(settle_all, outcomes)

    return deliver
