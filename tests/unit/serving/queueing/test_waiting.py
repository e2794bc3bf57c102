"""Frames that wait: until their outcome, their deadline, a newer frame of their camera, or their client's leaving."""

import asyncio
import time
from typing import Any

from serving.problems import ProblemError
from serving.queueing.frame import Frame, Outcome, settle
from serving.queueing.queue import FrameQueue
from serving.queueing.waiting import Waiting
from tests.small_model import photographs
from tests.unit.serving import parts

(JPEG,), _ = photographs(1)


class Client:
    """A client that waits for its answer until it leaves."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}


def _frame(camera: str = "line-1", number: int = 0, deadline_s: float = 60.0) -> Frame:
    frame = parts.frame(JPEG, camera, number=number)
    frame.outcome = asyncio.get_running_loop().create_future()
    frame.deadline_s, frame.deadline_at = deadline_s, time.perf_counter() + deadline_s
    return frame


def _queue(newest_wins: tuple[str, ...] = ()) -> FrameQueue:
    return FrameQueue(limit=16, shadow_limit=1, workers=1, max_batch=8, newest_wins=newest_wins)


def _put(queue: FrameQueue, *frames: Frame) -> Waiting:
    waiting = Waiting(queue)
    for frame in frames:
        assert queue.reserve(frame.camera_name)
    waiting.put(*frames)
    return waiting


def _kinds(outcomes: list[Outcome]) -> list[str]:
    return [outcome.kind for outcome in outcomes if isinstance(outcome, ProblemError)]


def test_the_work_of_a_client_that_leaves_is_dropped_but_for_what_a_worker_has() -> None:
    async def run() -> None:
        queue, client = _queue(), Client()
        begun, *others = frames = [_frame(number=number) for number in range(3)]
        waiting = asyncio.create_task(_put(queue, begun).outcomes(client.receive))
        work = queue.take()
        assert work
        assert work.frames == [begun]
        rest = asyncio.create_task(_put(queue, *others).outcomes(client.receive))
        client.left.set()
        assert _kinds(await rest) == ["client-gone", "client-gone"]
        assert queue.depth == 0
        settle(begun, ProblemError("internal", "the worker's"))
        assert _kinds(await waiting) == ["internal"]
        assert all(frame.outcome.done() for frame in frames)

    asyncio.run(run())


def test_frames_expire_at_their_own_deadlines_while_a_batch_runs() -> None:
    async def run() -> None:
        queue = _queue()
        under_way = _frame()
        long = asyncio.create_task(_put(queue, under_way).outcomes(Client().receive))
        assert queue.take()
        first, second = _frame(deadline_s=0.02), _frame(deadline_s=0.04)
        early = asyncio.create_task(_put(queue, first).outcomes(Client().receive))
        late = asyncio.create_task(_put(queue, second).outcomes(Client().receive))
        assert _kinds(await early) == _kinds(await late) == ["deadline-expired"]
        assert not long.done()
        settle(under_way, ProblemError("internal", "the worker's"))
        assert _kinds(await long) == ["internal"]

    asyncio.run(run())


def test_a_newer_frame_answers_the_one_whose_place_it_takes_at_once() -> None:
    async def run() -> None:
        queue = _queue(("line-1",))
        old, new = _frame(number=1), _frame(number=2)
        first = asyncio.create_task(_put(queue, old).outcomes(Client().receive))
        await asyncio.sleep(0)
        second = asyncio.create_task(_put(queue, new).outcomes(Client().receive))
        assert _kinds(await first) == ["superseded"]
        assert not second.done()
        work = queue.take()
        assert work
        assert work.frames == [new]
        settle(new, ProblemError("internal", "the worker's"))
        await second

    asyncio.run(run())


def test_a_request_that_is_cancelled_leaves_nothing_behind() -> None:
    async def run() -> None:
        queue = _queue()
        waiting = asyncio.create_task(_put(queue, _frame()).outcomes(Client().receive))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert queue.depth == 0
        assert len(asyncio.all_tasks()) <= 2  # this one, and the one that hears the client, on its way out

    asyncio.run(run())


def test_what_a_client_sends_beside_leaving_changes_nothing() -> None:
    async def run() -> None:
        queue, frame = _queue(), _frame()

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        waiting = asyncio.create_task(_put(queue, frame).outcomes(receive))
        for _ in range(3):
            await asyncio.sleep(0)
        assert queue.depth == 1
        settle(frame, ProblemError("internal", "the worker's"))
        assert _kinds(await waiting) == ["internal"]

    asyncio.run(run())
