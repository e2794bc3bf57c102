"""The frame route: overload is told before the body is read, deadlines by a timer, and what a worker has is waited for."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from contracts import frames as framing
from contracts.ids import new_id
from serving.edge.frames import FrameEdge, Limits, about
from serving.problems import ProblemError
from serving.queueing.frame import Frame, deliver_on
from serving.queueing.queue import FrameQueue
from serving.settings import Camera
from tests.small_model import photographs
from tests.unit.serving import parts
from tests.unit.serving.edge.test_recent import ANSWER

(JPEG,), _ = photographs(1)
LIMITS = Limits(max_body_bytes=1 << 20, max_pixels=framing.MAX_PIXELS, body_timeout_s=60.0, default_deadline_s=60.0)


class Counter:
    """The frame route over a queue that no worker empties."""

    def __init__(self, limit: int = 1, not_ready: str | None = None) -> None:
        self.queue = FrameQueue(limit, 1, workers=1, max_batch=8)
        self.instruments = parts.instruments()
        cameras = {"line-1": Camera(site="hall")}
        self.edge = FrameEdge("small", cameras, self.queue, LIMITS, lambda: not_ready, self.instruments, lambda: parts.NOW)
        self.bodies_read = 0

    async def post(self, query: str = "camera=line-1", body: bytes = JPEG) -> tuple[int, dict[str, str], Any]:
        sent: list[dict[str, Any]] = []

        async def receive() -> Any:
            self.bodies_read += 1
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.edge({"type": "http", "method": "POST", "query_string": query.encode(), "headers": []}, receive, send)
        start, content = sent
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, json.loads(content["body"])

    async def taken(self) -> list[Frame]:
        """What a worker would take, once there is something."""
        while not self.queue.depth:
            await asyncio.sleep(0)
        work = self.queue.take()
        assert work
        return work.frames


def test_overload_is_told_before_the_body_is_read() -> None:
    async def run() -> None:
        counter = Counter(limit=1)
        waiting = asyncio.create_task(counter.post())
        while not counter.queue.depth:
            await asyncio.sleep(0)
        status, headers, problem = await counter.post()
        assert (status, headers["retry-after"], problem["type"]) == (429, "1", "urn:keepsight:problem:overloaded")
        assert counter.bodies_read == 1
        (frame,) = await counter.taken()
        deliver_on(asyncio.get_running_loop())([(frame, ProblemError("internal", "enough"))])
        assert (await waiting)[0] == 500
        assert parts.value(counter.instruments, "frames_total", model="small", version="", outcome="overloaded") == 1

    asyncio.run(run())


def test_a_deadline_passes_while_nobody_works() -> None:
    async def run() -> None:
        counter = Counter()
        status, headers, problem = await counter.post("camera=line-1&deadline_ms=20")
        assert (status, problem["type"]) == (429, "urn:keepsight:problem:deadline-expired")
        assert "retry-after" in headers
        assert counter.queue.depth == 0
        assert counter.queue.reserve("line-1")  # its slot is free again

    asyncio.run(run())


def test_a_frame_that_a_worker_has_is_answered_after_its_deadline() -> None:
    async def run() -> None:
        counter = Counter()
        waiting = asyncio.create_task(counter.post("camera=line-1&deadline_ms=200"))
        (frame,) = await counter.taken()
        await asyncio.wait({waiting}, timeout=0.4)
        assert not waiting.done()
        deliver_on(asyncio.get_running_loop())([(frame, ProblemError("invalid-output", "late"))])
        assert (await waiting)[0] == 500

    asyncio.run(run())


@pytest.mark.parametrize("body", [b"", b"no image", JPEG[:30]])
def test_a_refused_body_gives_its_slot_back(body: bytes) -> None:
    async def run() -> None:
        counter = Counter(limit=1)
        for _ in range(3):
            status, _, _ = await counter.post(body=body)
            assert 400 <= status < 500
            assert status != 429
        assert parts.value(counter.instruments, "frames_total", model="small", version="", outcome="rejected") == 3

    asyncio.run(run())


def test_not_ready_is_the_only_503() -> None:
    async def run() -> None:
        counter = Counter(not_ready="model 'small' is still loading")
        status, headers, problem = await counter.post()
        assert (status, headers["retry-after"], problem["detail"]) == (503, "1", "model 'small' is still loading")
        assert counter.bodies_read == 0

    asyncio.run(run())


def test_an_answer_to_a_client_that_left_is_dropped() -> None:
    async def run() -> None:
        counter = Counter()
        waiting = asyncio.create_task(counter.post())
        (frame,) = await counter.taken()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        frame.outcome.cancel()
        deliver_on(asyncio.get_running_loop())([(frame, ProblemError("internal", "nobody hears it"))])
        await asyncio.sleep(0)
        assert counter.queue.reserve("line-1")

    asyncio.run(run())


def test_a_frame_that_is_sent_again_has_its_answer_again_unread() -> None:
    async def run() -> None:
        counter, given = Counter(), new_id(parts.NOW)
        query = f"camera=line-1&frame_id={given}"
        waiting = asyncio.create_task(counter.post(query))
        (frame,) = await counter.taken()
        answer = msgspec.structs.replace(ANSWER, frame_id=frame.frame_id)
        deliver_on(asyncio.get_running_loop())([(frame, answer)])
        first = await waiting
        assert first[0] == 200
        assert parts.stages(counter.instruments) == {"read": 1, "reply": 1}
        read = counter.bodies_read
        assert await counter.post(query) == first
        assert (counter.bodies_read, counter.queue.depth) == (read, 0)
        assert parts.stages(counter.instruments) == {"read": 1, "reply": 1}
        again = asyncio.create_task(counter.post(f"camera=line-1&frame_id={new_id(parts.NOW)}"))
        (other,) = await counter.taken()
        assert other.frame_id != frame.frame_id
        deliver_on(asyncio.get_running_loop())([(other, ProblemError("internal", "enough"))])
        await again

    asyncio.run(run())


def test_a_trace_tells_of_one_frame_or_of_all() -> None:
    answers = [msgspec.structs.replace(ANSWER, frame_id=one) for one in ("a", "b")]
    refused = ProblemError("overloaded", "enough")
    assert about([("line-1", answers[0])]) == {"keepsight.camera": "line-1", "keepsight.frame_id": "a", "keepsight.version": "1"}
    assert about([("line-1", answers[0]), ("x" * 99, refused), ("line-1", answers[1])]) == {
        "keepsight.camera": ["line-1", "x" * 64],
        "keepsight.frame_id": ["a", "b"],
        "keepsight.version": "1",
        "keepsight.problem": "overloaded",
    }
