"""The batch route: each frame ends as it would have alone, in the order of the parts, and every slot is used or given back."""

import asyncio
import json
import time
from typing import Any

import pytest

from serving.edge.batch import MAX_FRAMES, BatchEdge
from serving.edge.frames import FrameEdge, Limits
from serving.problems import ProblemError
from serving.queueing.frame import Frame, settle
from serving.queueing.queue import FrameQueue
from serving.settings import Camera
from serving.telemetry.trace import Trace
from tests.small_model import photographs
from tests.unit.serving import parts
from tests.unit.serving.edge.test_frames import LIMITS
from tests.unit.serving.edge.test_multipart import body

(JPEG,), _ = photographs(1)
CAMERAS = {"line-1": Camera(site="hall"), "line-2": Camera(site="hall"), "live": Camera(site="hall")}
SLOTS = 12


def part(camera: str = "line-1", content: bytes = JPEG, **headers: str) -> tuple[bytes, bytes]:
    """A part that is a frame; `headers` are without their prefix."""
    lines = [f'Content-Disposition: form-data; name="{camera}"', *(f"Keepsight-{name}: {value}" for name, value in headers.items())]
    return "".join(f"{line}\r\n" for line in lines).encode(), content


class Counter:
    """The batch route over a queue that no worker empties; a body comes in `pieces`, and then the client waits, or `leaves`."""

    def __init__(self, not_ready: str | None = None, limits: Limits = LIMITS, slots: int = SLOTS) -> None:
        self.queue, self.instruments = FrameQueue(slots, 1, workers=1, max_batch=64, newest_wins={"live"}), parts.instruments()
        edge = FrameEdge("small", CAMERAS, self.queue, limits, lambda: not_ready, self.instruments, lambda: parts.NOW)
        self.edge = BatchEdge(edge, limits, lambda: parts.NOW)
        self.reads = 0

    async def post(self, pieces: list[bytes], query: str = "", leaves: bool = False, kind: bytes = b"") -> tuple[int, Any]:
        sent: list[dict[str, Any]] = []
        left = list(pieces)

        async def receive() -> Any:
            self.reads += 1
            if left:
                return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or leaves}
            if not leaves:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", kind or b"multipart/form-data; boundary=frontier")]
        scope = {"type": "http", "method": "POST", "path": "", "query_string": query.encode(), "headers": headers}
        await self.edge(scope, receive, send)
        return (sent[0]["status"], json.loads(sent[1]["body"])) if sent else (0, None)

    async def worked(self, count: int) -> list[Frame]:
        """Answer `count` frames, all of one batch, each with a problem that tells its camera."""
        while self.queue.depth < count:
            await asyncio.sleep(0)
        work = self.queue.take()
        assert work
        for frame in work.frames:
            frame.decided_at = time.perf_counter()
            settle(frame, ProblemError("invalid-output", frame.camera_name))
        self.queue.finished(work)
        return work.frames

    def free(self) -> int:
        """Slots that can be reserved now; they are kept."""
        return sum(self.queue.reserve(f"camera-{number}") for number in range(SLOTS + 1))


def _kinds(reply: Any) -> list[str]:
    return [one["problem"]["type"].rpartition(":")[2] for one in reply["frames"]]


def test_each_frame_has_its_result_in_the_order_of_the_parts() -> None:
    async def run() -> None:
        counter = Counter()
        whole = body(
            part("line-2", **{"Captured-At": "1767225600.5"}),
            part("line-9"),
            part("line-1", b"no image"),
            part("line-1", **{"Captured-At": "soon"}),
            part(""),
            part("field", Camera="line-1"),
            part("line-1", JPEG + bytes(LIMITS.max_body_bytes)),
        )
        waiting = asyncio.create_task(counter.post([whole]))
        frames = await counter.worked(2)
        status, reply = await waiting
        assert status == 200
        assert [one["status"] for one in reply["frames"]] == [500, 404, 415, 400, 400, 500, 413]
        assert _kinds(reply) == [
            "invalid-output", "unknown-camera", "not-an-image", "bad-captured-at", "missing-camera", "invalid-output", "too-large"
        ]  # fmt: skip
        assert [reply["frames"][at]["problem"]["detail"] for at in (0, 5)] == ["line-2", "line-1"]
        assert [frame.captured_at for frame in frames] == [1767225600.5, parts.NOW]
        assert all(frame.content == JPEG for frame in frames)
        assert parts.value(counter.instruments, "frames_total", model="small", version="", outcome="failed") == 2
        assert parts.value(counter.instruments, "frames_total", model="small", version="", outcome="rejected") == 2
        assert parts.stages(counter.instruments) == {"read": 1, "reply": 1}
        assert counter.free() == SLOTS

    asyncio.run(run())


def test_frames_are_queued_while_the_rest_still_arrives() -> None:
    async def run() -> None:
        counter = Counter()
        whole = body(part("line-1"), part("line-2"))
        cut = len(body(part("line-1"), end=b"--frontier\r\n"))
        arrived = asyncio.Event()
        pieces = [whole[:cut], whole[cut:]]

        async def receive() -> Any:
            if len(pieces) == 1:
                await arrived.wait()
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)} if pieces else await asyncio.Future()

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"multipart/mixed; boundary=frontier")]
        scope = {"type": "http", "method": "POST", "path": "", "query_string": b"", "headers": headers}
        waiting = asyncio.create_task(counter.edge(scope, receive, send))
        (first,) = await counter.worked(1)
        assert first.camera_name == "line-1"
        arrived.set()
        await counter.worked(1)
        await waiting
        assert sent[0]["status"] == 200

    asyncio.run(run())


def test_a_reply_begins_when_the_body_was_read_and_the_last_frame_decided() -> None:
    async def run() -> None:
        counter, traced, arrived = Counter(), Trace(None), asyncio.Event()
        whole = body(part("line-1"), part("line-9"))
        cut = len(body(part("line-1"), end=b"--frontier\r\n"))
        pieces = [whole[:cut], whole[cut:]]

        async def receive() -> Any:
            if len(pieces) == 1:
                await arrived.wait()
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)} if pieces else await asyncio.Future()

        async def send(_: Any) -> None:
            pass

        headers = [(b"content-type", b"multipart/mixed; boundary=frontier")]
        scope = {"type": "http", "method": "POST", "path": "", "query_string": b"", "headers": headers, "keepsight.trace": traced}
        waiting = asyncio.create_task(counter.edge(scope, receive, send))
        (first,) = await counter.worked(1)
        arrived.set()
        await waiting
        read, reply = traced.stages
        assert (read.name, reply.name) == ("read", "reply")
        assert read.start <= first.decided_at <= read.end == reply.start <= reply.end

    asyncio.run(run())


def test_no_reply_is_timed_where_no_worker_decided() -> None:
    async def run() -> None:
        counter = Counter()
        assert (await counter.post([body(part("line-9"))]))[0] == 200
        assert (await counter.post([body(part("line-1"), end=b"cut")]))[0] == 400
        assert parts.stages(counter.instruments) == {"read": 1, "reply": 0}

    asyncio.run(run())


def test_frames_beyond_the_queue_are_overloaded_each() -> None:
    async def run() -> None:
        counter = Counter()
        waiting = asyncio.create_task(counter.post([body(*[part("line-1")] * 8, part("line-2"))]))
        assert len(await counter.worked(7)) == 7
        _, reply = await waiting
        assert _kinds(reply) == ["invalid-output"] * 6 + ["overloaded"] * 2 + ["invalid-output"]
        assert {one.get("retry_after_s") for one in reply["frames"]} == {None, 1}
        assert counter.free() == SLOTS

    asyncio.run(run())


def test_no_room_and_no_model_are_told_before_the_body_is_read() -> None:
    async def run() -> None:
        counter = Counter()
        assert counter.free() == SLOTS
        status, problem = await counter.post([body(part())])
        assert (status, problem["type"], counter.reads) == (429, "urn:keepsight:problem:overloaded", 0)
        counter = Counter("model 'small' is still loading")
        status, problem = await counter.post([body(part())])
        assert (status, problem["type"], counter.reads) == (503, "urn:keepsight:problem:not-ready", 0)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("whole", "kind"),
    [
        (body(part(), part(), end=b"cut short"), b""),
        (body(), b""),
        (body(*[part("line-9")] * (MAX_FRAMES + 1)), b""),
        (body(part()), b"image/jpeg"),
    ],
    ids=["cut short", "no part", "too many", "no multipart"],
)
def test_a_body_that_is_not_as_it_should_be_is_refused_whole(whole: bytes, kind: bytes) -> None:
    async def run() -> None:
        counter = Counter()
        status, problem = await counter.post([whole], kind=kind)
        assert (status, problem["type"]) == (400, "urn:keepsight:problem:bad-multipart")
        assert (counter.queue.depth, counter.free()) == (0, SLOTS)

    asyncio.run(run())


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def run() -> None:
        limits = Limits(LIMITS.max_body_bytes, LIMITS.max_pixels, body_timeout_s=0.02, default_deadline_s=60.0)
        counter = Counter(limits=limits)
        sent: list[Any] = []
        pieces = [body(part(), part(), end=b"")]

        async def receive() -> Any:
            return {"type": "http.request", "body": pieces.pop(), "more_body": True} if pieces else await asyncio.Future()

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"multipart/form-data; boundary=frontier")]
        await counter.edge({"type": "http", "method": "POST", "query_string": b"", "headers": headers}, receive, send)
        assert sent[0]["status"] == 408
        assert (counter.queue.depth, counter.free()) == (0, SLOTS)

    asyncio.run(run())


@pytest.mark.parametrize("complete", [True, False])
def test_a_gateway_that_leaves_leaves_nothing_behind(complete: bool) -> None:
    async def run() -> None:
        counter = Counter()
        whole = body(part("line-1"), part("line-2"))
        assert await counter.post([whole if complete else whole[:-40]], leaves=True) == (0, None)
        assert (counter.queue.depth, counter.free()) == (0, SLOTS)

    asyncio.run(run())


def test_the_newest_of_a_live_camera_wins_within_a_request_too() -> None:
    async def run() -> None:
        counter = Counter()
        waiting = asyncio.create_task(counter.post([body(*(part("live", **{"Captured-At": f"{100 + at}"}) for at in (1, 3, 2)))]))
        (frame,) = await counter.worked(1)
        assert frame.captured_at == 103
        assert _kinds((await waiting)[1]) == ["superseded", "invalid-output", "superseded"]
        assert counter.free() == SLOTS

    asyncio.run(run())


def test_what_the_request_says_holds_for_all_its_frames() -> None:
    async def run() -> None:
        counter = Counter()
        waiting = asyncio.create_task(counter.post([body(part("file"), part("line-1"))], "camera=line-2&deadline_ms=5000"))
        frames = await counter.worked(2)
        await waiting
        assert [(frame.camera_name, frame.deadline_s) for frame in frames] == [("line-2", 5.0)] * 2

    asyncio.run(run())
