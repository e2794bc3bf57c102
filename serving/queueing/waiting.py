"""The frames of one request while they wait: for a worker's outcome, their deadline, a newer frame of their camera, or their client's leaving.

A worker that has begun a frame is waited for, whatever happens meanwhile: its event is written. Nothing here costs a thread; a client's leaving is heard by
asking its connection for the next message, 4 microseconds a request.
"""

import asyncio
import time
from typing import Final

from starlette.types import Message, Receive

from serving.problems import ProblemError
from serving.queueing.frame import Frame, Outcome, settle
from serving.queueing.queue import FrameQueue
from serving.transport.body import ClientGoneError

_SUPERSEDED: Final = "a newer frame of this camera came before a worker was free (newest_wins); send the next, not this one again"


def expired(deadline_s: float, retry_after_s: int) -> ProblemError:
    """The problem of a frame that nobody began in time."""
    detail = f"the frame was not begun within its {deadline_s:g} s; send fewer frames, or allow more time with deadline_ms"
    return ProblemError("deadline-expired", detail, retry_after_s)


class Waiting:
    """For one request, on the event loop."""

    def __init__(self, queue: FrameQueue) -> None:
        self._queue, self._loop = queue, asyncio.get_running_loop()
        self._frames: list[Frame] = []
        self._timers: list[asyncio.TimerHandle] = []

    def put(self, *frames: Frame) -> None:
        """Queue frames of one camera on the slots reserved for them."""
        now = time.perf_counter()
        for old in self._queue.put(frames):
            settle(old, ProblemError("superseded", _SUPERSEDED, camera=old.camera_name))
        self._timers += [self._loop.call_later(frame.deadline_at - now, self._expire, frame) for frame in frames]
        self._frames += frames

    async def outcomes(self, receive: Receive) -> list[Outcome]:
        """How they ended, in the order in which they were queued. The request's body must have been read from `receive`."""
        # Without asking what it is, as ensure_future would, in 3 microseconds more: uvicorn's is a coroutine.
        heard: asyncio.Task[Message] = self._loop.create_task(receive())  # type: ignore[arg-type]  # ASGI promises less
        heard.add_done_callback(self._hear)
        try:
            return [await frame.outcome for frame in self._frames]
        finally:
            heard.cancel()
            self.end()

    def end(self) -> None:
        """Nobody waits any longer: what no worker has is taken back."""
        for timer in self._timers:
            timer.cancel()
        for frame in self._frames:
            if not frame.outcome.done() or frame.outcome.cancelled():
                self._queue.withdraw(frame)

    def _expire(self, frame: Frame) -> None:
        if self._queue.withdraw(frame):
            settle(frame, expired(frame.deadline_s, self._queue.retry_after_s))

    def _hear(self, heard: asyncio.Task[Message]) -> None:
        if heard.cancelled() or heard.exception() or heard.result()["type"] != "http.disconnect":
            return
        for frame in self._frames:
            if self._queue.withdraw(frame):
                settle(frame, ClientGoneError())
