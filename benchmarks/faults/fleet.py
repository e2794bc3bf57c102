"""The load: cameras that send at a steady rate whether they are answered or not, try again elsewhere as documented, and write everything down.

Every camera has a server of its own and turns to the other one for a frame that was not taken; a frame keeps its id over its tries. Some cameras let the
server make the id: those send a frame once. One camera sends garbage all the time. Of sampled frames every other one is labelled some seconds later.
"""

import asyncio
import json
import random
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.faults.asking import Line, Reply, head
from benchmarks.faults.book import LOST, NOT_TAKEN, Book, Heard, Posted, Sent
from benchmarks.faults.garbage import CAMERA as GARBAGE
from benchmarks.faults.garbage import garbage
from benchmarks.faults.service import Service
from contracts.frames import MAX_BYTES
from contracts.ids import derived_id

TRIES: Final = 4
PAUSE_S: Final = 0.25
"""Before a frame is tried again; it doubles."""
_AGAIN: Final = frozenset({LOST, NOT_TAKEN, 429, 503})
_PLAIN: Final = 5
"""Every fifth camera lets the server make its frames' ids."""
_LABEL_S: Final = (1.0, 4.0)
_END_S: Final = 60.0


class Fleet:
    """`cameras` are sent from in turn, together `rate` frames a second; `photographs` with the class of each are what they see."""

    def __init__(
        self,
        servers: Sequence[Service],
        cameras: Sequence[str],
        photographs: Sequence[tuple[bytes, str]],
        rate: float,
        seed: int,
    ) -> None:
        self.book = Book()
        self.garbage_rate = 1.0
        """Requests a second; a burst of it is a fault."""
        self.skews: dict[str, float] = {}
        """By camera: seconds that its clock is ahead."""
        self._cameras, self._photographs, self._rate = cameras, photographs, rate
        self._lines = [Line(server) for server in servers]
        self._plain = frozenset(cameras[::_PLAIN])
        self._dice = random.Random(seed)
        self._garbage = garbage(seed, photographs[0][0], MAX_BYTES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="fleet")
        self.failed: str = ""
        """Why the load itself broke down."""

    def plain(self, camera: str) -> bool:
        """Whether the server makes the ids of its frames."""
        return camera in self._plain

    def home(self, camera: str) -> str:
        """The server that a camera turns to first."""
        return self._lines[self._home(camera)].server.name

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more, and wait for what is under way."""
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._photographing(tasks))
                tasks.create_task(self._littering(tasks))
        except* Exception as errors:
            self.failed = repr(errors.exceptions)
        for line in self._lines:
            line.close()

    async def _photographing(self, tasks: asyncio.TaskGroup) -> None:
        begun, number = time.monotonic(), 0
        while not self._stop.is_set():
            if (early := begun + number / self._rate - time.monotonic()) > 0:
                await asyncio.sleep(early)
            camera = self._cameras[number % len(self._cameras)]
            due_at = time.time() + min(0.0, early)
            content, label = self._photographs[self._dice.randrange(len(self._photographs))]
            tasks.create_task(self._photograph(camera, content, label, due_at, tasks))
            number += 1

    async def _photograph(self, camera: str, content: bytes, label: str, due_at: float, tasks: asyncio.TaskGroup) -> None:
        path = f"/v1/frames?camera={camera}&captured_at={due_at + self.skews.get(camera, 0.0):.3f}"
        sent = Sent(camera, "photograph", due_at)
        if not self.plain(camera):
            own = _uuid7(due_at, self._dice)
            sent.frame_id, path = derived_id(own, camera), f"{path}&frame_id={own}"
        self.book.frames.append(sent)
        request, home = ((0.0, head(path, len(content)) + content),), self._home(camera)
        for number in range(1 if self.plain(camera) else TRIES):
            if number:
                await asyncio.sleep(PAUSE_S * 2 ** (number - 1))
            reply = await self._lines[(home + number) % len(self._lines)].ask(request)
            sent.attempts = [*sent.attempts, reply.attempt]
            if reply.attempt.status not in _AGAIN:
                break
        if reply.attempt.status == 200:
            sent.heard = heard(reply.json)
            if sent.heard.sample is not None and self._dice.random() < 0.5:
                tasks.create_task(self._label(sent.heard.frame_id, label))

    async def _label(self, frame_id: str, label: str) -> None:
        await asyncio.sleep(self._dice.uniform(*_LABEL_S))
        posted = Posted(frame_id, label)
        self.book.labels.append(posted)
        body = json.dumps({"frame_id": frame_id, "label": label, "labelled_by": "ann"}).encode()
        request = ((0.0, head("/v1/labels", len(body), content_type="application/json") + body),)
        reply = await self._lines[self._dice.randrange(len(self._lines))].ask(request)
        posted.attempt = reply.attempt
        if reply.attempt.status == 200:
            (posted.event_id,) = reply.json["event_ids"]

    async def _littering(self, tasks: asyncio.TaskGroup) -> None:
        number = 0
        while not self._stop.is_set():
            await asyncio.sleep(1 / self.garbage_rate)
            tasks.create_task(self._litter(self._lines[number % len(self._lines)]))
            number += 1

    async def _litter(self, line: Line) -> None:
        one = next(self._garbage)
        sent = Sent(GARBAGE, one.kind, time.time())
        self.book.frames.append(sent)
        reply: Reply = await line.ask(one.pieces, one.fresh)
        sent.attempts = [reply.attempt]
        if reply.attempt.status == 200:
            sent.heard = heard(reply.json)

    def _home(self, camera: str) -> int:
        return self._cameras.index(camera) % len(self._lines)


def heard(said: Any) -> Heard:
    """What an answer of serving says."""
    prediction = said["prediction"]
    best = max(range(len(prediction["labels"])), key=prediction["probabilities"].__getitem__)
    return Heard(said["frame_id"], said["camera"], said["version"], prediction["labels"][best], said.get("sample"))


def _uuid7(at: float, dice: random.Random) -> str:
    """A UUIDv7 (RFC 9562) of a camera's own."""
    digits = f"{int(at * 1000) & ((1 << 48) - 1):012x}7{dice.getrandbits(12):03x}{0x8 | dice.getrandbits(2):x}{dice.getrandbits(60):015x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
