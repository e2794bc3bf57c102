"""A frame on its way through the server: what the edge knows of it, and how its answer gets back to the camera that waits."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from contracts.events import Sample
from contracts.frames import Header
from contracts.predictions import Prediction, Variant
from serving.problems import ProblemError
from serving.settings import Camera


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
    """One admitted frame. `queued_at` is on the performance counter (seconds); `outcome` belongs to the event loop's thread."""

    frame_id: str
    camera_name: str
    camera: Camera
    captured_at: float
    received_at: float
    header: Header
    content: bytes
    outcome: asyncio.Future[Outcome]
    queued_at: float = 0.0


Deliver = Callable[[Sequence[tuple[Frame, Outcome]]], None]
"""Hands outcomes back to those who wait; called from worker threads."""


def deliver_on(loop: asyncio.AbstractEventLoop) -> Deliver:
    """A Deliver for futures of `loop`: one wake-up of the loop a batch."""

    def settle(outcomes: Sequence[tuple[Frame, Outcome]]) -> None:
        for frame, outcome in outcomes:
            if not frame.outcome.done():  # its client may have left
                frame.outcome.set_result(outcome)

    def deliver(outcomes: Sequence[tuple[Frame, Outcome]]) -> None:
        loop.call_soon_threadsafe(settle, outcomes)

    return deliver
