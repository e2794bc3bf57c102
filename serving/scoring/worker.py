"""The threads that turn frames into answers and events: decode, measure, score, journal, answer, and only then the shadow.

An event is on disk before its answer is sent. Whatever goes wrong with one frame is that frame's answer; the thread goes on.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from contracts.errors import FrameError
from contracts.events import FrameScored, Sample
from contracts.logs import Logger
from contracts.predictions import Prediction
from serving import problems
from serving.delivery.journal import Journal
from serving.models.registry import Lineup
from serving.models.served import Scores
from serving.problems import ProblemError
from serving.queueing.frame import Deliver, Frame, Outcome
from serving.queueing.queue import FrameQueue
from serving.scoring.keeper import Keeper
from serving.scoring.sampling import Sampler
from serving.scoring.scored import answer_of, card_of, event_of, shadow_event, with_shadow
from serving.scoring.seen import Eye, Seen, View
from serving.scoring.shadow import ShadowFrame
from serving.telemetry.instruments import Instruments
from serving.telemetry.trace import note


@dataclass(frozen=True)
class Desk:
    """What the workers share. `lineup` gives the versions in service, `clock` Unix seconds."""

    model: str
    queue: FrameQueue
    lineup: Callable[[], Lineup | None]
    eye: Eye
    sampler: Sampler
    keeper: Keeper
    journal: Journal
    deliver: Deliver
    instruments: Instruments
    log: Logger
    clock: Callable[[], float] = time.time


class Worker:
    """Thread `number` of the pool; runs until the queue is closed and empty."""

    def __init__(self, number: int, desk: Desk) -> None:
        self._number, self._desk = number, desk
        self._thread = threading.Thread(target=self._run, name=f"worker-{number}", daemon=True)
        self._failing = False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False when it was not in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        desk = self._desk
        while (work := desk.queue.take()) is not None:
            try:
                if work.frames:
                    self.answer(work.frames)
                else:
                    self.follow(work.shadow)
            except Exception as error:  # a worker must outlive any one batch
                desk.log.error("batch_failed", trace=True, error=str(error), frames=len(work.frames), shadow=len(work.shadow))
                failed = ProblemError("internal", "the server failed on this frame and logged why; the frame may be sent again")
                desk.deliver([(frame, failed) for frame in work.frames])
            finally:
                desk.queue.finished(work)
            del work  # it holds pixels and sessions, and the next may be long in coming

    def answer(self, frames: list[Frame]) -> None:
        """Answer a batch: one lineup for all of it, one run of each version that answers any of its cameras."""
        lineup = self._desk.lineup()
        if lineup is None:
            self._desk.deliver([(frame, ProblemError("not-ready", "no version is ready; try again soon", 1)) for frame in frames])
            return
        outcomes: list[tuple[Frame, Outcome]] = []
        groups = self._see(frames, lineup, outcomes)
        answered = [pair for group in groups for pair in self._judge(group, outcomes)]
        start = time.perf_counter()
        self._journal([event for _, event in answered])
        note((seen.frame for seen, _ in answered), "journal", start, time.perf_counter())
        self._desk.deliver(outcomes)
        self._queue_shadows(answered)

    def follow(self, shadows: list[ShadowFrame]) -> None:
        """Score a batch with the shadow version they share."""
        desk = self._desk
        events = []
        for shadow, scores in zip(shadows, self._scored([shadow.view for shadow in shadows]), strict=True):
            if isinstance(scores, ProblemError):
                desk.instruments.shadow_frames.labels("failed").inc()
                continue
            event = shadow_event(shadow.answered, shadow.view, scores, desk.clock())
            events.append(event)
            if shadow.card:
                desk.keeper.keep(with_shadow(shadow.card, event), shadow.content)
        self._journal(events)
        desk.instruments.shadow_frames.labels("scored").inc(len(events))

    def _see(self, frames: list[Frame], lineup: Lineup, outcomes: list[tuple[Frame, Outcome]]) -> list[list[Seen]]:
        """The decoded frames by the version that answers them; damaged ones get their outcome."""
        instruments, now = self._desk.instruments, time.perf_counter()
        groups: dict[str, list[Seen]] = {}
        for frame in frames:
            frame.begun_at = now
            instruments.queue_s.observe(now - frame.queued_at)
            note([frame], "queue", frame.queued_at, now)
            start = time.perf_counter()
            try:
                seen = self._desk.eye.see(frame, lineup)
            except FrameError as error:
                outcomes.append((frame, problems.of_frame(error)))
                continue
            end = time.perf_counter()
            instruments.decode_s.observe(seen.decoded_at - start)
            instruments.preprocess_s.observe(end - seen.decoded_at)
            note([frame], "decode", start, seen.decoded_at)
            note([frame], "preprocess", seen.decoded_at, end)
            groups.setdefault(seen.view.served.version, []).append(seen)
        return list(groups.values())

    def _judge(self, group: list[Seen], outcomes: list[tuple[Frame, Outcome]]) -> list[tuple[Seen, FrameScored]]:
        """Score frames with the version they share; the events of those that have an answer."""
        answered, start = [], time.perf_counter()
        scored = self._scored([seen.view for seen in group])
        note((seen.frame for seen in group), "infer", start, time.perf_counter())
        for seen, scores in zip(group, scored, strict=True):
            if isinstance(scores, ProblemError):
                outcomes.append((seen.frame, scores))
                continue
            sample = self._sample(seen.frame, scores.prediction)
            event = event_of(self._desk.model, seen, scores, sample, self._desk.clock())
            if (card := card_of(event)) is not None:
                self._desk.keeper.keep(card, seen.frame.file())  # before the answer: its label may come at once
            seen.frame.scores = scores
            outcomes.append((seen.frame, answer_of(event)))
            answered.append((seen, event))
        return answered

    def _scored(self, views: list[View]) -> list[Scores | ProblemError]:
        """What a version says of frames; a failure of the model is the outcome of each frame in the batch."""
        desk, served, start = self._desk, views[0].served, time.perf_counter()
        desk.instruments.batch_size.observe(len(views))
        try:
            pixels = views[0].pixels[None] if len(views) == 1 else np.stack([view.pixels for view in views])
            scored = served.score(pixels, [view.header for view in views], self._number)
            self._failing = False
        except Exception as error:  # ONNX Runtime raises a family of its own, without a common base
            if not self._failing:
                desk.log.error("inference_failed", version=served.version, error=str(error), frames=len(views))
            self._failing = True
            served.fared.count(failed=len(views))
            detail = f"version {served.version} failed on this frame; the server's log says why"
            return [ProblemError("inference-failed", detail, version=served.version)] * len(views)
        desk.instruments.infer_s.observe(time.perf_counter() - start)
        invalid = scored.count(None)
        served.fared.count(answered=len(views) - invalid, invalid=invalid)
        return [scores or self._invalid(served.version) for scores in scored]

    def _invalid(self, version: str) -> ProblemError:
        self._desk.instruments.invalid_outputs.inc(self._desk.model, version)
        detail = f"version {version} answered with values that are not finite; nothing was logged of this frame"
        return ProblemError("invalid-output", detail, version=version)

    def _sample(self, frame: Frame, prediction: Prediction) -> Sample | None:
        if frame.camera.audit or not self._desk.keeper.has_room(len(frame.content)):
            return None
        return self._desk.sampler.choose(frame.camera_name, prediction.confidence)

    def _journal(self, events: list[FrameScored]) -> None:
        if events:
            start = time.perf_counter()
            self._desk.journal.write(events)
            self._desk.instruments.journal_s.observe(time.perf_counter() - start)

    def _queue_shadows(self, answered: list[tuple[Seen, FrameScored]]) -> None:
        shadows = [
            ShadowFrame(event, seen.shadow, card_of(event), seen.frame.file() if event.sample else b"")
            for seen, event in answered
            if seen.shadow
        ]
        if shadows:
            dropped = self._desk.queue.put_shadow(shadows)
            self._desk.instruments.shadow_frames.labels("dropped").inc(len(dropped))
