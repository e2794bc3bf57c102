"""Inference over the protocol: what the head decides comes before the body, and every slot that was reserved is given back or used."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.ids import new_id
from contracts.predictions import Classification
from serving.edge.admission import admit
from serving.edge.frames import FrameEdge
from serving.models.registry import Lineup
from serving.models.served import Scores
from serving.oip.edge import OipEdge
from serving.oip.infer import Inference
from serving.oip.stats import Statistics
from serving.problems import ProblemError
from serving.queueing.frame import Frame, deliver_on
from serving.queueing.queue import FrameQueue
from serving.settings import Camera
from serving.transport.rate import Rates
from tests.oip_cases import INFER, JPEG, image, packed
from tests.unit.serving import parts
from tests.unit.serving.edge.test_frames import LIMITS
from tests.unit.serving.edge.test_recent import ANSWER

CAMERAS = {"line-1": Camera(site="hall")}


@pytest.fixture(scope="module")
def lineup(tmp_path_factory: pytest.TempPathFactory) -> Lineup:
    folder: Path = tmp_path_factory.mktemp("repository")
    return parts.lineup(parts.served(folder, "1"), parts.served(folder, "2", seed=1), candidate="2", share=0.0)


class Counter:
    """The protocol's routes over a queue that no worker empties."""

    def __init__(self, lineup: Lineup | None, limit: int = 8, camera: str = "line-1", rates: Rates | None = None) -> None:
        self.queue, self.instruments = FrameQueue(limit, 1, workers=1, max_batch=8), parts.instruments()
        self._limit = limit
        not_ready = "loading" if lineup is None else None
        frames = FrameEdge(
            "small", CAMERAS, self.queue, LIMITS, lambda: not_ready, self.instruments, lambda: parts.NOW, rates=rates
        )
        statistics = Statistics()
        inference = Inference("small", frames, LIMITS, 8, camera, lambda: lineup, statistics, lambda: parts.NOW)
        self.edge = OipEdge("small", inference, statistics, lambda: lineup, lambda: not_ready, 60.0, self.instruments)
        self.bodies_read = 0
        self.leaves = asyncio.Event()

    async def post(
        self, head: dict[str, Any], tail: bytes = b"", path: str = INFER, query: bytes = b""
    ) -> tuple[int, dict[str, str], Any]:
        text = json.dumps(head).encode()
        sent: list[dict[str, Any]] = []
        left = [{"type": "http.request", "body": text + tail, "more_body": False}]

        async def receive() -> Any:
            self.bodies_read += 1
            if not left:
                await self.leaves.wait()
            return left.pop() if left else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"inference-header-content-length", str(len(text)).encode())]
        scope = {"type": "http", "method": "POST", "path": path, "query_string": query, "headers": headers}
        await self.edge(scope, receive, send)
        if self.leaves.is_set():
            assert not sent
            return 0, {}, None
        start, content = sent
        said = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], said, json.loads(content["body"])

    def free(self) -> int:
        """Slots that can be reserved now; they are kept."""
        return sum(self.queue.reserve(f"camera-{number}") for number in range(self._limit + 1))

    async def taken(self, count: int) -> list[Frame]:
        """What a worker would take, once `count` frames wait."""
        while self.queue.depth < count:
            await asyncio.sleep(0)
        work = self.queue.take()
        assert work
        return work.frames


def answer(frames: Sequence[Frame]) -> None:
    """Answer them as a worker would."""
    sure = Scores(Classification(("china",), (1.0,)), (0.5,), (1.0, 0.0))
    for frame in frames:
        frame.scores = sure
    answers = [msgspec.structs.replace(ANSWER, frame_id=frame.frame_id) for frame in frames]
    deliver_on(asyncio.get_running_loop())(list(zip(frames, answers, strict=True)))


def pictures(count: int) -> tuple[dict[str, Any], bytes]:
    """A request of `count` pictures."""
    tail = packed(*[JPEG] * count)
    return {"inputs": [image(shape=[count, 1], parameters={"binary_data_size": len(tail)})]}, tail


@pytest.mark.parametrize(
    ("change", "status", "read"),
    [
        ({"query": b"camera=line-9"}, 404, 0),
        ({"query": b"camera=line-1&captured_at=soon"}, 400, 0),
        ({"path": "/v2/models/small/versions/9/infer"}, 404, 0),
        ({"path": "/v2/models/nope/infer"}, 404, 0),
        ({"tail": packed(JPEG)[:-1]}, 400, 1),
        ({"tail": packed(JPEG[:-9] + bytes(9))[:-4] + b"junk"}, None, 1),
    ],
)
def test_a_refused_request_gives_its_slots_back(lineup: Lineup, change: dict[str, Any], status: int | None, read: int) -> None:
    async def run() -> None:
        counter = Counter(lineup, camera="")
        head, tail = pictures(1)
        got, _, answer = await counter.post(head, **{"tail": tail, **change})
        assert 400 <= got < 500
        assert status is None or got == status
        assert list(answer) == ["error"]
        assert counter.bodies_read == read
        assert counter.free() == 8

    asyncio.run(run())


def test_overload_is_told_before_the_body_is_read(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup)
        assert counter.free() == 8
        status, headers, _ = await counter.post(*pictures(1))
        assert (status, headers["retry-after"], counter.bodies_read) == (429, "1", 0)
        assert parts.value(counter.instruments, "frames_total", model="small", version="", outcome="overloaded") == 1

    asyncio.run(run())


def test_a_batch_for_which_there_is_no_room_is_refused_whole(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup)
        status, headers, _ = await counter.post(*pictures(5))
        assert (status, headers["retry-after"], counter.queue.depth) == (429, "1", 0)
        assert counter.free() == 8

    asyncio.run(run())


def test_every_frame_of_a_batch_counts_against_its_cameras_rate(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup, rates=Rates(CAMERAS, 1.0, 2))
        assert (await counter.post(*pictures(3)))[0] == 429
        assert counter.free() == 8

    asyncio.run(run())


def test_not_ready_is_told_before_the_body_is_read() -> None:
    async def run() -> None:
        counter = Counter(None)
        status, headers, _ = await counter.post(*pictures(1))
        assert (status, headers["retry-after"], counter.bodies_read) == (503, "1", 0)

    asyncio.run(run())


def test_the_frames_of_a_batch_are_pinned_to_one_version_in_their_order(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup)
        for path, wanted in ((INFER, ("1", "champion")), ("/v2/models/small/versions/2/infer", ("2", "candidate"))):
            waiting = asyncio.create_task(counter.post(*pictures(3), path=path))
            frames = await counter.taken(3)
            assert [(frame.pinned[0].version, frame.pinned[1]) for frame in frames if frame.pinned] == [wanted] * 3
            failed = ProblemError("not-decodable", "the second is damaged")
            deliver_on(asyncio.get_running_loop())([(frame, failed) for frame in frames])
            status, _, answer = await waiting
            assert (status, answer["error"]) == (422, "frame 1 of 3: the second is damaged")
        assert counter.free() == 8

    asyncio.run(run())


def test_frames_that_wait_too_long_are_taken_back(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup)
        head, tail = pictures(3)
        status, headers, _ = await counter.post(head | {"parameters": {"timeout": 20_000}}, tail)
        assert (status, headers["retry-after"], counter.queue.depth) == (429, "1", 0)
        assert counter.free() == 8

    asyncio.run(run())


def test_a_client_without_a_camera_is_told_how_to_name_one(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup, camera="")
        status, _, answer = await counter.post(*pictures(1))
        assert status == 400
        assert "parameter `camera`" in answer["error"]
        assert counter.free() == 8

    asyncio.run(run())


def test_the_frames_of_a_client_that_leaves_are_taken_back(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup)
        waiting = asyncio.create_task(counter.post(*pictures(3)))
        while counter.queue.depth < 3:
            await asyncio.sleep(0)
        counter.leaves.set()
        assert await waiting == (0, {}, None)
        assert counter.queue.depth == 0
        assert counter.free() == 8
        assert parts.value(counter.instruments, "frames_total", model="small", version="", outcome="gone") == 3

    asyncio.run(run())


def test_a_camera_named_in_the_body_has_its_share_and_no_more(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup, camera="")
        head, tail = pictures(4)
        waiting = asyncio.create_task(counter.post(head | {"parameters": {"camera": "line-1"}}, tail))
        while counter.queue.depth < 4:
            await asyncio.sleep(0)
        head, tail = pictures(1)
        status, _, _ = await counter.post(head | {"parameters": {"camera": "line-1"}}, tail)
        assert (status, counter.queue.depth) == (429, 4)
        assert counter.queue.reserve("line-2")
        frames = await counter.taken(4)
        deliver_on(asyncio.get_running_loop())([(frame, ProblemError("not-decodable", "damaged")) for frame in frames])
        assert (await waiting)[0] == 422

    asyncio.run(run())


def _ids_of(given: Sequence[str]) -> list[str]:
    """The ids that the frames of line-1 would have on /v1/frames."""
    return [admit({"camera": "line-1", "frame_id": one}, CAMERAS, parts.NOW, 1.0).frame_id for one in given]


@pytest.mark.parametrize("where", ["query", "parameters", "both"])
def test_frames_have_the_ids_that_their_sender_gave_them(lineup: Lineup, where: str) -> None:
    async def run() -> None:
        counter, given = Counter(lineup), [new_id(parts.NOW) for _ in range(3)]
        head, tail = pictures(3)
        outputs = {"outputs": [{"name": "frame_id"}]}
        if where != "query":
            outputs["parameters"] = {"frame_id": "nonsense" if where == "both" else ",".join(given)}  # type: ignore[assignment]  # JSON
        query = b"" if where == "parameters" else b"camera=line-1&frame_id=" + ",".join(given).encode()
        for _ in range(2):  # sent again, they keep them
            waiting = asyncio.create_task(counter.post(head | outputs, tail, query=query))
            frames = await counter.taken(3)
            answer(frames)
            status, _, reply = await waiting
            assert (status, reply["outputs"][0]["data"]) == (200, _ids_of(given))
            assert [frame.frame_id for frame in frames] == _ids_of(given)
        assert parts.stages(counter.instruments) == {"read": 2, "reply": 2}
        assert counter.free() == 8

    asyncio.run(run())


def test_ids_that_are_not_one_for_each_frame_are_refused(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup)
        head, tail = pictures(2)
        status, _, reply = await counter.post(head | {"parameters": {"frame_id": new_id(parts.NOW)}}, tail)
        assert status == 400
        assert "one for each frame" in reply["error"]
        assert (counter.queue.depth, counter.free()) == (0, 8)
        assert parts.stages(counter.instruments) == {"read": 1, "reply": 0}

    asyncio.run(run())


def test_what_the_parameters_say_holds_beside_a_camera_in_the_query(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup, camera="", rates=Rates(CAMERAS, 1.0, 1))  # its rate counts the frame once
        head, tail = pictures(1)
        said = {"parameters": {"captured_at": parts.NOW - 5, "timeout": 500_000, "camera": "line-9"}}
        waiting = asyncio.create_task(counter.post(head | said, tail, query=b"camera=line-1"))
        (frame,) = await counter.taken(1)
        assert (frame.camera_name, frame.captured_at, frame.deadline_s) == ("line-1", parts.NOW - 5, 0.5)
        answer([frame])
        assert (await waiting)[0] == 200

    asyncio.run(run())


def test_a_broken_frame_is_told_of_the_camera_that_the_parameters_name(lineup: Lineup) -> None:
    async def run() -> None:
        counter = Counter(lineup, camera="")
        tail = packed(b"no image")
        head = {"inputs": [image(parameters={"binary_data_size": len(tail)})], "parameters": {"camera": "line-1"}}
        assert (await counter.post(head, tail))[0] == 415
        worst = [sample.labels for metric in counter.instruments.worst_cameras.collect() for sample in metric.samples]
        assert [labels["camera"] for labels in worst] == ["line-1"]

    asyncio.run(run())
