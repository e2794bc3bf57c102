"""Where frames wait for a worker: bounded, fair between cameras, batched by what waits, with the shadow version's work behind the answers.

A worker takes all that waits, up to the largest batch, sharing it with workers that idle: no frame runs alone while others wait, and no worker idles
while frames wait, unless one more frame is so near that waiting for it pays. Where the model takes frames one by one, as on a CPU, a worker takes no more
than a moment's work, for what it has in hand nobody else can begin. Shadow work is done when no frame waits; when its backlog grows past half its room
while answers keep up, batches alternate, so that under steady load every frame is shadowed; when answers fall behind they go first, and shadow work beyond
the limit is dropped.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Final

from serving.queueing.frame import Frame
from serving.queueing.large import LargeFrames, is_large
from serving.queueing.pace import Pace
from serving.queueing.turns import Turns
from serving.scoring.shadow import ShadowFrame

_SHADOW_BATCH: Final = 4
"""The most shadow frames in one run: a frame that arrives meanwhile waits no longer than this takes."""
_MOMENT_S: Final = 0.02
"""Of frames that run one by one, those are taken together that take no longer: they share what a hand-over costs, and code that is warm. Measured on
EfficientNet-lite0, 9 ms a frame, at 8 connections: 2 % more throughput than one at a time; three at a time add nothing but to the slowest answers."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker took, and when on the queue's clock: frames to answer, or frames to shadow."""

    frames: list[Frame]
    shadow: list[ShadowFrame]
    begun_at: float = 0.0


class FrameQueue:
    """Safe between threads. A slot is reserved before a body is read, so that overload is told from the head of the request.

    `newest_wins` are the cameras of which the newest frame alone waits; `clock` gives seconds; `one_by_one` says whether the model of this moment takes
    frames so.
    """

    def __init__(
        self,
        limit: int,
        shadow_limit: int,
        workers: int,
        max_batch: int,
        max_wait_s: float = 0.0,
        newest_wins: Container[str] = (),
        clock: Callable[[], float] = time.perf_counter,
        one_by_one: Callable[[], bool] = lambda: False,
    ) -> None:
        self._limit, self._shadow_limit = limit, shadow_limit
        self._workers, self._shadow_workers = workers, max(1, workers - 1)
        self._max_batch, self._max_wait_s, self._clock, self._one_by_one = max_batch, max_wait_s, clock, one_by_one
        self._changed = threading.Condition()
        self._frames = Turns(limit, newest_wins)
        self._large = LargeFrames(workers)
        self._pace = Pace()
        self._shadow: deque[ShadowFrame] = deque()
        self._idle = self._shadowing = 0
        self._answered_last = False
        self._closed = False

    @property
    def depth(self) -> int:
        """Frames that wait."""
        return len(self._frames)

    @property
    def retry_after_s(self) -> int:
        """When there will be room again, in whole seconds: the time that the workers need for the slots that are taken, as fast as they were lately."""
        with self._changed:
            return self._pace.retry_after_s(self._frames.slots, self._workers)

    def reserve(self, camera: str) -> bool:
        """Take a slot for a frame of `camera` ("": not known yet) whose body is still to be read; False when there is none for it."""
        with self._changed:
            return self._frames.reserve(camera)

    def release(self, camera: str) -> None:
        """Give a reserved slot back: the frame did not come."""
        with self._changed:
            self._frames.release(camera)

    def put(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """Queue frames of one camera, that came together, on the slots reserved for them. Returns frames that newer ones took the place of."""
        for frame in frames:
            frame.large = is_large(frame.header, frame.content)
        with self._changed:
            now = self._clock()
            for frame in frames:
                frame.queued_at = now
            superseded = self._frames.put(frames)
            self._pace.arrived(len(frames), now)
            if self._max_wait_s:
                self._changed.notify_all()  # who holds a batch open must hear of it, and whoever idles
            else:
                self._changed.notify(len(frames))
        return superseded

    def withdraw(self, frame: Frame) -> bool:
        """Take a frame back that nobody waits for any longer. False when a worker has it already."""
        with self._changed:
            return self._frames.remove(frame)

    def put_shadow(self, frames: list[ShadowFrame]) -> list[ShadowFrame]:
        """Queue shadow work; returns the frames for which there was no room."""
        with self._changed:
            room = max(0, self._shadow_limit - len(self._shadow))
            self._shadow.extend(frames[:room])
            self._changed.notify_all()
        return frames[room:]

    def take(self) -> Work | None:
        """The next work, waiting for it; None when the queue is closed and empty. Every Work taken must be given to `finished`."""
        with self._changed:
            while True:
                if self._shadow_is_due() or (not self._frames and self._may_shadow()):
                    return self._take_shadow()
                if self._frames:
                    if self._holds_open():
                        continue
                    if frames := self._take_frames():
                        return Work(frames, [], self._clock())
                elif self._closed and not self._shadow:
                    return None
                self._wait()

    def finished(self, work: Work) -> None:
        """A worker is done with `work`."""
        with self._changed:
            if work.frames:
                self._pace.worked(len(work.frames), self._clock() - work.begun_at)
                if work.frames[0].large:
                    self._large.ended(work.frames[0].header)
                    self._changed.notify_all()
            else:
                self._shadowing -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Let workers finish what is queued, then end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, timeout_s: float | None = None) -> None:
        self._idle += 1
        try:
            self._changed.wait(timeout_s)
        finally:
            self._idle -= 1

    def _holds_open(self) -> bool:
        """Wait for one more frame if that pays, nobody idles who would take it, and no frame waits longer than max_wait_s for it.

        True when the situation must be looked at anew.
        """
        if not self._max_wait_s or self._idle or self._closed or len(self._frames) >= self._max_batch:
            return False
        until = min(self._frames.oldest_at + self._max_wait_s, self._pace.worth_waiting_until(len(self._frames)))
        left = until - self._clock()
        if left <= 0:
            return False
        self._changed.wait(left)
        return True

    def _take_frames(self) -> list[Frame]:
        """What a worker takes now: small frames, or one large frame alone. None of them where all that wait are large and others are at work on such."""
        share = -(-len(self._frames) // (1 + self._idle))
        if self._one_by_one():
            share = min(share, self._pace.frames_in(_MOMENT_S))
        frames: list[Frame] = []
        while len(frames) < min(self._max_batch, share) and (frame := self._frames.pop(_is_small if frames else self._may_begin)):
            frames.append(frame)
            if frame.large:
                self._large.begun(frame.header)
                break
        self._answered_last = self._answered_last or bool(frames)
        return frames

    def _may_begin(self, frame: Frame) -> bool:
        return not frame.large or self._large.may_begin(frame.header, lambda: self._frames.small_waits)

    def _take_shadow(self) -> Work:
        self._answered_last = False
        self._shadowing += 1
        first = self._shadow[0].view.served
        batch: list[ShadowFrame] = []
        while self._shadow and len(batch) < min(self._max_batch, _SHADOW_BATCH) and self._shadow[0].view.served is first:
            batch.append(self._shadow.popleft())
        return Work([], batch)

    def _may_shadow(self) -> bool:
        return bool(self._shadow) and self._shadowing < self._shadow_workers

    def _shadow_is_due(self) -> bool:
        return (
            self._answered_last
            and self._may_shadow()
            and 2 * len(self._shadow) > self._shadow_limit
            and 4 * len(self._frames) <= self._limit  # a camera alone fills half of it
        )


def _is_small(frame: Frame) -> bool:
    return not frame.large
