"""POST /v1/frames/batch: many frames in one request, from a gateway that stands before cameras; the reply has an answer or a problem for each, in their order.

A part's head decides what can be decided without its content: its camera, its times, its rate, its key, and whether there is a slot for it; what is refused is
passed over, not held. What is taken is queued while the rest still arrives.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send

from contracts.keys import Key
from serving.edge.admission import Admitted, said
from serving.edge.frames import FrameEdge, Limits, last_decided
from serving.edge.multipart import Parts, boundary_of, name_of
from serving.problems import ProblemError
from serving.queueing.frame import Answer, Frame, Outcome
from serving.responses import JSON, send_body
from serving.telemetry import trace
from serving.transport.body import ClientGoneError, body_timeout, check_head, too_large
from serving.transport.guard import key_of

MAX_FRAMES: Final = 128
"""In one request."""


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a frame ended: the status that it would have had alone, and its answer or its problem; `retry_after_s` where it may be sent again."""

    status: int
    answer: Answer | None = None
    problem: msgspec.Raw | None = None
    retry_after_s: int | None = None


class Results(msgspec.Struct, frozen=True):
    """The reply: a result for each frame, in the order of the parts."""

    frames: list[Result]


_OF_ALL: Final = ("camera", "captured_at", "deadline_ms")
"""What a request may say of all its frames."""
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class _Request:
    words: dict[str, str]
    key: Key | None
    start: float
    traced: trace.Trace | None


class BatchEdge:
    """The ASGI application of the batch route. `clock` gives Unix seconds."""

    def __init__(self, frames: FrameEdge, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self._frames, self._limits, self._clock = frames, limits, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        words = said(scope["query_string"], scope["headers"])
        request = _Request(
            {name: words[name] for name in _OF_ALL if words.get(name)}, key_of(scope), time.perf_counter(), trace.of(scope)
        )
        try:
            outcomes, decided_at = await self._outcomes(scope, receive, request)
        except ProblemError as problem:
            self._frames.ended(request.traced, [(words.get("camera", ""), problem)])
            if not isinstance(problem, ClientGoneError):
                await send_body(send, problem.status, problem.headers(), problem.body())
            return
        self._frames.ended(request.traced, outcomes)
        await send_body(send, 200, JSON, _ENCODER.encode(Results([_result(outcome) for _, outcome in outcomes])))
        self._frames.stages.replied(decided_at, request.traced)

    async def _outcomes(self, scope: Scope, receive: Receive, request: _Request) -> tuple[list[tuple[str, Outcome]], float]:
        """Each frame's camera, as it was named, and how it ended; and when the last was decided (0: no worker had any).

        Raises ProblemError for the request as a whole.
        """
        if scope["method"] != "POST":
            raise ProblemError("method-not-allowed", f"/v1/frames/batch takes POST, not {scope['method']}", allow="POST")
        check_head(scope["headers"], MAX_FRAMES * self._limits.max_body_bytes)
        parts = Parts(receive, boundary_of(scope["headers"]))
        self._frames.reserve("")  # for the first part, whose camera is not known yet
        self._frames.release("")
        waiting = self._frames.waiting()
        taken: list[tuple[str, Frame | ProblemError]] = []
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                while (headers := await parts.head()) is not None:
                    if len(taken) == MAX_FRAMES:
                        raise ProblemError(
                            "bad-multipart", f"the body has more than {MAX_FRAMES} parts; send them in several requests"
                        )
                    words = {"camera": name_of(headers)} | said(b"", headers) | request.words
                    frame = await self._taken(parts, words, request)
                    if isinstance(frame, Frame):
                        waiting.put(frame)
                    taken.append((words["camera"], frame))
                await parts.end()
        except TimeoutError:
            waiting.end()
            raise body_timeout(self._limits.body_timeout_s, f"{len(taken)} frames") from None
        except BaseException:
            waiting.end()
            raise
        if not taken:
            raise ProblemError("bad-multipart", "the body has no part; send each frame as one part")
        read_at = self._frames.stages.read(begun, request.traced)
        outcomes = iter(await waiting.outcomes(receive))
        decided_at = last_decided(frame for _, frame in taken if isinstance(frame, Frame))
        ended = [(camera, next(outcomes) if isinstance(frame, Frame) else frame) for camera, frame in taken]
        return ended, max(decided_at, read_at) if decided_at else 0.0

    async def _taken(self, parts: Parts, words: Mapping[str, str], request: _Request) -> Frame | ProblemError:
        """The frame of the part whose head was read last, with its slot; or why it is not taken. Raises ProblemError for the request as a whole."""
        received_at = self._clock()
        try:
            admitted = self._frames.admit(words, request.key, received_at, request.start)
            self._frames.reserve(admitted.camera_name)
        except ProblemError as problem:
            await parts.content(0)
            return problem
        frame: Frame | ProblemError | None = None
        try:
            content = await parts.content(self._limits.max_body_bytes)
            frame = self._framed(content, admitted, received_at, request)
        finally:
            if not isinstance(frame, Frame):
                self._frames.release(admitted.camera_name)
        return frame

    def _framed(self, content: bytes | None, admitted: Admitted, received_at: float, request: _Request) -> Frame | ProblemError:
        try:
            if content is None:
                raise too_large("more", self._limits.max_body_bytes)
            self._frames.check_deadline(admitted, request.start)
            return self._frames.encoded(content, admitted, received_at, request.start, request.traced)
        except ProblemError as problem:
            return problem


def _result(outcome: Outcome) -> Result:
    if isinstance(outcome, Answer):
        return Result(200, answer=outcome)
    return Result(outcome.status, problem=msgspec.Raw(outcome.body()), retry_after_s=outcome.retry_after_s)
