"""POST /v1/frames: one encoded frame in, one prediction out. Raw ASGI: a framework's request object costs as much as the event and the journal together.

The order is what makes overload cheap: camera, times and length are judged from the head, then a slot in the queue is reserved, and only then is the
body read; the image's own header is judged before a worker sees it.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from contracts import frames as framing
from contracts.errors import FrameError
from contracts.frames import Header
from contracts.ids import new_id
from contracts.keys import Key
from serving import problems
from serving.edge.admission import Admitted, admit, said
from serving.edge.recent import Recent
from serving.problems import ProblemError
from serving.queueing.frame import Answer, Frame, Outcome
from serving.queueing.queue import FrameQueue
from serving.queueing.waiting import Waiting, expired
from serving.responses import JSON, count, send_body
from serving.settings import Camera
from serving.telemetry import trace
from serving.telemetry.instruments import Instruments
from serving.telemetry.stages import RequestStages
from serving.telemetry.trace import Trace
from serving.transport.body import ClientGoneError, check_head, read_body
from serving.transport.guard import key_of
from serving.transport.rate import Rates

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a frame request may take; see the settings of the same names."""

    max_body_bytes: int
    max_pixels: int
    body_timeout_s: float
    default_deadline_s: float


class FrameEdge:
    """The ASGI application of the frame route. `not_ready` gives the reason why no frame can be answered, None when they can; `clock` Unix seconds."""

    def __init__(
        self,
        model: str,
        cameras: Mapping[str, Camera],
        queue: FrameQueue,
        limits: Limits,
        not_ready: Callable[[], str | None],
        instruments: Instruments,
        clock: Callable[[], float] = time.time,
        rates: Rates | None = None,
    ) -> None:
        self._model, self._cameras, self._queue, self._limits = model, cameras, queue, limits
        self._rates, self._recent = rates or Rates(cameras), Recent()
        self.not_ready, self._instruments, self._clock = not_ready, instruments, clock
        self.stages = RequestStages(instruments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        start = time.perf_counter()
        words = said(scope["query_string"], scope["headers"])
        decided_at = 0.0
        try:
            outcome, decided_at = await self._outcome(scope, receive, words, start)
        except ProblemError as problem:
            outcome = problem
        traced = trace.of(scope)
        self.ended(traced, [(words.get("camera", ""), outcome)])
        if isinstance(outcome, ClientGoneError):
            return
        if isinstance(outcome, Answer):
            await send_body(send, 200, JSON, _ENCODER.encode(outcome))
        else:
            await send_body(send, outcome.status, outcome.headers(), outcome.body())
        self.stages.replied(decided_at, traced)

    async def _outcome(self, scope: Scope, receive: Receive, words: Mapping[str, str], start: float) -> tuple[Outcome, float]:
        """How the frame ended, and when a worker decided so (0: none did)."""
        if scope["method"] != "POST":
            raise ProblemError("method-not-allowed", f"/v1/frames takes POST, not {scope['method']}", allow="POST")
        received_at = self._clock()
        admitted = self.admit(words, key_of(scope), received_at, start)
        if admitted.frame_id and (answer := self._recent.get(admitted.frame_id)) is not None:
            return answer, 0.0
        check_head(scope["headers"], self._limits.max_body_bytes)
        self.reserve(admitted.camera_name)
        try:
            traced = trace.of(scope)
            frame = self.encoded(await self.read(receive, traced), admitted, received_at, start, traced)
            self.check_deadline(admitted, start)
        except BaseException:
            self.release(admitted.camera_name)
            raise
        (outcome,) = await self.answered([frame], receive)
        if admitted.frame_id and isinstance(outcome, Answer):
            self._recent.keep(outcome)
        return outcome, frame.decided_at

    def admit(self, words: Mapping[str, str], key: Key | None, received_at: float, now: float, counted: bool = False) -> Admitted:
        """Let one frame of the camera named in `words` pass (see admission.said); `counted`: its rate has counted it already. Raises ProblemError."""
        found = admit(words, self._cameras, received_at, self._limits.default_deadline_s, key)
        if not counted:
            self._rates.take(found.camera_name, now)
        return found

    def reserve(self, camera: str) -> None:
        """Take a slot in the queue for a frame of `camera` ("": not known yet). Raises ProblemError where there is none, or nobody would answer."""
        if (reason := self.not_ready()) is not None:
            raise ProblemError("not-ready", reason, retry_after_s=1)
        if not self._queue.reserve(camera):
            detail = "as many frames wait as may, of this camera or in all ([serving] queue_limit); this one was not read. Send it again later, or send fewer"
            raise ProblemError("overloaded", detail, self._queue.retry_after_s)

    def release(self, camera: str) -> None:
        """Give a slot back."""
        self._queue.release(camera)

    def check_deadline(self, admitted: Admitted, start: float) -> None:
        """Refuse to queue what is late already. Raises ProblemError."""
        if time.perf_counter() - start >= admitted.deadline_s:
            raise expired(admitted.deadline_s, self._queue.retry_after_s)

    def waiting(self) -> Waiting:
        """Where the frames of one request wait."""
        return Waiting(self._queue)

    async def answered(self, frames: Sequence[Frame], receive: Receive) -> list[Outcome]:
        """Queue the frames of one request and camera on the slots reserved for them; their outcomes, in their order. The body was read from `receive`."""
        waiting = self.waiting()
        waiting.put(*frames)
        return await waiting.outcomes(receive)

    async def read(self, receive: Receive, traced: Trace | None) -> bytes:
        """The body of a request that is read whole. Raises ProblemError and ClientGoneError."""
        begun = time.perf_counter()
        content = await read_body(receive, self._limits.max_body_bytes, self._limits.body_timeout_s)
        self.stages.read(begun, traced)
        return content

    def encoded(self, content: bytes, admitted: Admitted, received_at: float, start: float, traced: Trace | None = None) -> Frame:
        """The frame that an encoded image is (see `frame`). Raises ProblemError."""
        try:
            header = framing.inspect(content, self._limits.max_body_bytes, self._limits.max_pixels)
        except FrameError as error:
            raise problems.of_frame(error) from None
        return self.frame(admitted, received_at, start, header, content, traced)

    def frame(
        self,
        admitted: Admitted,
        received_at: float,
        start: float,
        header: Header,
        content: bytes | memoryview,
        traced: Trace | None = None,
    ) -> Frame:
        """A frame of an admitted request that arrived at `received_at` (Unix seconds), `start` on the performance counter. Call it on the event loop."""
        return Frame(
            frame_id=admitted.frame_id or new_id(received_at),
            camera_name=admitted.camera_name,
            camera=admitted.camera,
            captured_at=admitted.captured_at,
            received_at=received_at,
            header=header,
            content=content,
            outcome=asyncio.get_running_loop().create_future(),
            deadline_s=admitted.deadline_s,
            deadline_at=start + admitted.deadline_s,
            trace=traced,
        )

    def ended(self, traced: Trace | None, those: Sequence[tuple[str, Outcome]]) -> None:
        """Count how the frames of a request, or the request that was refused whole, ended, and tell its trace; with whose each was said to be."""
        for camera, outcome in those:
            self._count(outcome, camera)
        if traced is not None:
            traced.about |= about(those)

    def _count(self, outcome: Outcome, camera: str) -> None:
        if isinstance(outcome, Answer):
            self._instruments.frames.inc(self._model, outcome.version, "answered")
            return
        self._instruments.frames.inc(self._model, "", outcome.outcome)
        count(outcome, self._instruments)
        if camera in self._cameras:
            self._instruments.worst_cameras.add(camera, outcome.outcome, outcome.kind)


def last_decided(frames: Iterable[Frame]) -> float:
    """When a worker decided the last of them, on the performance counter; 0 where none did."""
    return max((frame.decided_at for frame in frames), default=0.0)


def about(those: Sequence[tuple[str, Outcome]]) -> dict[str, str | list[str]]:
    """What a request's trace says of its frames: one value, or all that differ."""
    found: dict[str, dict[str, None]] = {}
    for camera, outcome in those:
        found.setdefault("keepsight.camera", {})[camera[:64]] = None
        if isinstance(outcome, Answer):
            found.setdefault("keepsight.frame_id", {})[outcome.frame_id] = None
            found.setdefault("keepsight.version", {})[outcome.version] = None
        else:
            found.setdefault("keepsight.problem", {})[outcome.kind] = None
    return {name: next(iter(values)) if len(values) == 1 else list(values) for name, values in found.items()}
