"""One camera's run: takes shots at its rate, has each delivered before the next, and counts. In order by construction: one frame is under way at a time."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from contracts.ids import new_id
from standalone.camera_client.clock import Clock
from standalone.camera_client.courier import Courier, Delivery, Post
from standalone.camera_client.shot import Shot, Source
from standalone.camera_client.tally import Tally

FRAMES_PATH: Final = "/v1/frames"
Heard = Callable[[Shot, Delivery], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `rate_hz` frames a second (None: as fast as they come and are answered), at most `count` of them (None: all)."""

    rate_hz: float | None = None
    count: int | None = None
    deadline_ms: float | None = None


class Run:
    """`heard` is told of every frame that serving answered or refused."""

    def __init__(self, camera: str, source: Source, courier: Courier, pace: Pace, clock: Clock, heard: Heard) -> None:
        self.tally = Tally(clock.elapsed())
        self._camera, self._source, self._courier, self._pace = camera, source, courier, pace
        self._clock, self._heard = clock, heard
        self._interval_s = 1.0 / pace.rate_hz if pace.rate_hz else 0.0
        self._due_s = clock.elapsed()
        self.total = source.total if pace.count is None else min(source.total or pace.count, pace.count)
        self.finished = False
        """Whether the source came to its end, or the count was reached, and nothing is left to send."""

    def go(self) -> None:
        """Send until the source ends, the count is reached or the clock says stop. Raises CameraError."""
        while not self._clock.stopping:
            if self._pace.count is not None and self.settled >= self._pace.count:
                self.finished = True
                return
            if self._clock.wait(self._due_s - self._clock.elapsed()):
                return
            if (shot := self._source.take()) is None:
                self.finished = not self._clock.stopping
                return
            self._pass_one(self._clock.elapsed())
            self._send(shot)

    @property
    def settled(self) -> int:
        """Frames that serving answered or refused."""
        return self.tally.answered + self.tally.refused

    def facts(self) -> dict[str, Any]:
        """The counts so far."""
        troubles = self._courier.troubles
        return self.tally.summary(
            self._clock.elapsed(), self._source.skipped, troubles.busy, troubles.failing, troubles.unreachable
        )

    def _pass_one(self, now_s: float) -> None:
        """When the next frame is due: a camera that is late by a whole interval does not make up for the frames it missed."""
        self._due_s += self._interval_s
        if self._due_s <= now_s:
            self._due_s = now_s + self._interval_s

    def _send(self, shot: Shot) -> None:
        tried, frame_id = False, new_id(self._clock.now())

        def current() -> Post:
            nonlocal shot, tried, frame_id
            if tried and (newer := self._source.newer()) is not None:
                self._source.settled(shot, "skipped")
                shot, frame_id = newer, new_id(self._clock.now())
            tried = True
            return self._post(shot, frame_id)

        delivery = self._courier.deliver(current)
        if delivery is None:
            return
        self.tally.settled("" if delivery.answered else delivery.problem, len(shot.content), delivery.took_s)
        self._source.settled(shot, "answered" if delivery.answered else "refused")
        self._heard(shot, delivery)

    def _post(self, shot: Shot, frame_id: str) -> Post:
        query = {"camera": self._camera, "captured_at": f"{shot.captured_at:.6f}", "frame_id": frame_id}
        if self._pace.deadline_ms is not None:
            query["deadline_ms"] = f"{self._pace.deadline_ms:g}"
        return Post(f"{FRAMES_PATH}?{urlencode(query)}", shot.content, shot.content_type)


def line_of(shot: Shot, delivery: Delivery) -> str:
    """A frame's answer or refusal as one line of JSON: `frame`, `status`, `latency_ms`, `tries`, and `answer` or `problem`."""
    try:
        said = json.loads(delivery.reply.body)
    except ValueError:
        said = delivery.reply.body[:500].decode(errors="replace")
    line = {
        "frame": shot.name,
        "captured_at": round(shot.captured_at, 6),
        "status": delivery.reply.status,
        "latency_ms": round(1000 * delivery.took_s, 2),
        "tries": delivery.tries,
        "answer" if delivery.answered else "problem": said,
    }
    return json.dumps(line, ensure_ascii=False)
