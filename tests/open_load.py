"""Cameras that send at a rate, whether they are answered or not: what overload is. One thread, its connections kept open."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.serving_process import ServingProcess


@dataclass
class OpenLoad:
    """What came of it. `sent` are frames that were due; those for which no connection was free were not sent at all."""

    statuses: Counter[int] = field(default_factory=Counter)
    retry_after_s: list[int] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    """Of answered frames."""
    unsent: int = 0


def open_load(
    serving: ServingProcess, frame: bytes, cameras: Sequence[str], rate: float, seconds: float, connections: int = 128
) -> OpenLoad:
    """Send `rate` frames a second for `seconds`, of the cameras in turn."""
    return asyncio.run(_load(serving.port, frame, cameras, rate, seconds, connections))


async def _load(port: int, frame: bytes, cameras: Sequence[str], rate: float, seconds: float, connections: int) -> OpenLoad:
    found, idle = OpenLoad(), [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    begun, loop, tasks = time.perf_counter(), asyncio.get_running_loop(), set[asyncio.Task[None]]()

    async def send(camera: str) -> None:
        if not idle:
            found.unsent += 1
            return
        reader, writer = connection = idle.pop()
        start = time.perf_counter()
        head = f"POST /v1/frames?camera={camera} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(frame)}\r\n\r\n"
        writer.write(head.encode() + frame)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(headers["content-length"]))
        status = int(lines[0].split()[1])
        found.statuses[status] += 1
        if status == 200:
            found.latencies_s.append(time.perf_counter() - start)
        elif "retry-after" in headers:
            found.retry_after_s.append(int(headers["retry-after"]))
        idle.append(connection)

    for number in range(int(rate * seconds)):
        if (early := begun + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        task = loop.create_task(send(cameras[number % len(cameras)]))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return found
