"""POST v2/models/NAME[/versions/VERSION]/infer: the frames of a tensor on the same road as those of /v1/frames.

A request is of one camera, named in the query, in a header, in the request's parameters, or by the setting v2_camera. All its frames are answered by one
version, the camera's or the one that the path names, and each gives an event, under the id that its sender gave it if it gave one. What a full queue or a
wrong head decides is told before the body is read.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from starlette.types import Receive, Scope, Send

from contracts.predictions import Variant
from serving.edge.admission import Admitted, frame_ids, said
from serving.edge.frames import FrameEdge, Limits, last_decided
from serving.models.registry import Lineup
from serving.models.served import Served
from serving.oip import model, wire
from serving.oip.model import Bounds, numbered
from serving.oip.stats import Statistics
from serving.oip.wire import Output, Parameters, Request
from serving.problems import ProblemError
from serving.queueing.frame import Answer, Frame, Outcome
from serving.responses import send_body, send_problem
from serving.telemetry import trace
from serving.transport.body import ClientGoneError, check_head
from serving.transport.guard import key_of

_WORDS: Final = {"camera": "camera", "captured_at": "captured_at", "deadline_ms": "deadline_ms", "frame_id": "frame_ids"}
"""What a request may say of its frames, and what it is called here: of ids it says one for each frame."""
_MAX_TIMEOUT_US: Final = 600_000_000
Reply = tuple[list[tuple[str, str]], bytes]
"""The headers and the body of a 200."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A request whose frames may be queued, and what it asks of them: the outputs, `binary` where they do not say themselves."""

    id: str | None
    asked: list[Output]
    binary: bool
    admitted: Admitted
    frames: list[Frame]
    served: Served


class Inference:
    """`camera` is whose frames those are that name none ("" refuses them). `lineup` gives the versions in service, `clock` Unix seconds."""

    def __init__(
        self,
        name: str,
        frames: FrameEdge,
        limits: Limits,
        max_frames: int,
        camera: str,
        lineup: Callable[[], Lineup | None],
        statistics: Statistics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name, self._frames, self._limits, self._camera = name, frames, limits, camera
        self.max_frames = max_frames
        self._bounds = Bounds(max_frames, limits.max_body_bytes, limits.max_pixels)
        self._lineup, self._statistics, self._clock = lineup, statistics, clock

    async def answer(self, scope: Scope, receive: Receive, send: Send, version: str, start: float) -> None:
        """Answer one request, and count it; `version` is what the path names, "" for the camera's. Raises ClientGoneError."""
        reply, decided_at = await self._replied(scope, receive, version, start)
        await (send_problem(send, scope, reply) if isinstance(reply, ProblemError) else send_body(send, 200, *reply))
        self._frames.stages.replied(decided_at, trace.of(scope))

    async def _replied(self, scope: Scope, receive: Receive, version: str, start: float) -> tuple[Reply | ProblemError, float]:
        """What to say, and when a worker decided the last frame (0: none did). Raises ClientGoneError."""
        words = {_WORDS[name]: value for name, value in said(scope["query_string"], scope["headers"]).items() if name in _WORDS}
        try:
            taken = await self._taken(scope, receive, words, version, start)
        except ProblemError as problem:
            self._frames.ended(trace.of(scope), [(words.get("camera", self._camera), problem)])
            if isinstance(problem, ClientGoneError):
                raise
            return problem, 0.0
        outcomes = await self._frames.answered(taken.frames, receive)
        self._frames.ended(trace.of(scope), [(taken.admitted.camera_name, outcome) for outcome in outcomes])
        self._add_statistics(taken, outcomes, start)
        for outcome in outcomes:
            if isinstance(outcome, ClientGoneError):
                raise outcome
        problems = [numbered(one, number, len(outcomes)) for number, one in enumerate(outcomes, 1) if isinstance(one, ProblemError)]
        reply = problems[0] if problems else self._reply(taken, [one for one in outcomes if isinstance(one, Answer)])
        return reply, last_decided(taken.frames)

    async def _taken(self, scope: Scope, receive: Receive, words: dict[str, str], version: str, start: float) -> _Taken:
        """The request's frames, with a slot in the queue reserved for each. Raises ProblemError and ClientGoneError.

        `words` are what its head says; what its parameters say beside is put into them.
        """
        received_at, key, traced = self._clock(), key_of(scope), trace.of(scope)
        length = wire.json_length(scope["headers"])
        camera = self._frames.admit(words, key, received_at, start).camera_name if words.get("camera") else ""
        check_head(scope["headers"], self._limits.max_body_bytes)
        versions_of(self._lineup(), self._name, version)
        held = [camera]
        self._frames.reserve(camera)
        try:
            body = await self._frames.read(receive, traced)
            request = Request(()) if length == 0 else wire.parse(body, length)
            words.update(self._words(request.parameters) | words)
            pictures = model.encoded([body], self._bounds) if length == 0 else model.pictures(request, self._bounds)
            binary = model.flag(request.parameters, "binary_data_output", length == 0)
            admitted = self._frames.admit(_named(words), key, received_at, start, counted=bool(camera))
            if not camera:
                self._frames.release(held.pop())
            for _ in pictures[1:]:
                self._frames.admit(words, key, received_at, start)
            while len(held) < len(pictures):
                self._frames.reserve(admitted.camera_name)
                held.append(admitted.camera_name)
            self._frames.check_deadline(admitted, start)
            pinned = self._pinned(version, admitted.camera_name)
            asked = model.outputs(request, pinned[0].manifest.task)
            ids = frame_ids(words.get("frame_ids", ""), len(pictures), admitted.camera_name, received_at)
            frames = [
                self._frames.frame(replace(admitted, frame_id=one), received_at, start, header, content, traced)
                for one, (header, content) in zip(ids, pictures, strict=True)
            ]
        except BaseException:
            for camera in held:
                self._frames.release(camera)
            raise
        for frame in frames:
            frame.pinned = pinned
        return _Taken(request.id, asked, binary, admitted, frames, pinned[0])

    def _reply(self, taken: _Taken, answers: list[Answer]) -> Reply:
        version = taken.served.version
        head = {"model_name": self._name, "model_version": version, **({"id": taken.id} if taken.id else {})}
        scores = [frame.scores for frame in taken.frames if frame.scores]
        return wire.reply(head, model.tensors(taken.asked, taken.binary, answers, scores, taken.served))

    def _words(self, parameters: Parameters | None) -> dict[str, str]:
        """What the request's parameters say, as a query would; Triton's `timeout` (microseconds) is the deadline where no other is given."""
        given = parameters or {}
        found = {known: str(given[name]) for name, known in _WORDS.items() if given.get(name) is not None}
        timeout = given.get("timeout")
        if "deadline_ms" not in found and type(timeout) is int and timeout > 0:
            found["deadline_ms"] = f"{min(timeout, _MAX_TIMEOUT_US) / 1000:g}"
        return {"camera": self._camera} | found

    def _pinned(self, version: str, camera: str) -> tuple[Served, Variant]:
        lineup = self._lineup()
        versions = versions_of(lineup, self._name, version)
        return versions[version] if version or lineup is None else lineup.answering(camera)

    def _add_statistics(self, taken: _Taken, outcomes: list[Outcome], start: float) -> None:
        now = time.perf_counter()
        answered = all(isinstance(outcome, Answer) for outcome in outcomes)
        begun = min((frame.begun_at for frame in taken.frames if frame.begun_at), default=now)
        self._statistics.add(taken.served.version, len(outcomes) if answered else 0, begun - start, now - begun, self._clock())


def _named(words: dict[str, str]) -> dict[str, str]:
    """What is said of the frames, if it names their camera. Raises ProblemError."""
    if not words.get("camera"):
        raise ProblemError(
            "missing-camera",
            "name the camera whose frames these are: the request's parameter `camera`, ?camera=NAME, or the header Keepsight-Camera; "
            "or let [serving] v2_camera say whose they are when nobody does",
        )
    return words


def versions_of(lineup: Lineup | None, name: str, version: str = "") -> dict[str, tuple[Served, Variant]]:
    """The versions that answer, the champion first; the shadow answers nobody. Raises ProblemError where there is none, or `version` is none of them."""
    if lineup is None:
        raise ProblemError("not-ready", f"no version of model {name!r} is ready; try again soon", retry_after_s=1)
    channels = lineup.channels
    found: dict[str, tuple[Served, Variant]] = {channels.champion: (lineup.champion, "champion")}
    if channels.candidate:
        found.setdefault(channels.candidate, (lineup.versions[channels.candidate], "candidate"))
    if version and version not in found:
        known = ", ".join(found)
        raise ProblemError(
            "unknown-model", f"Request for unknown model: {name!r} version {version[:64]} is not found; {known} is in service"
        )
    return found
