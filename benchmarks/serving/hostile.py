"""Frames that mean harm: what they take of memory and time, while they are refused."""

import struct
import zlib
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure
from benchmarks.serving.sending import latency_ms, running, sent
from benchmarks.serving.servers import Ours
from tests.mutations import mutated

PART: Final = "hostile"
CAVEATS: Final = (
    "hostile: growth is of the process's peak resident memory (VmHWM, set back after a load of good frames at 32 connections) under bombs on 8 "
    "connections: PNGs and JPEGs that claim 900 million pixels, a PNG of 36 million black pixels in 105 kB, JPEG headers that lie, a PNG with 100 MB of "
    "zeros behind its picture. Alone: each bomb again and again on one connection, the bomb with the largest median. Latencies are as the client sees "
    "them.",
    "hostile: a black PNG of 9 million pixels is within the default limits, so it is decoded and answered; its memory and time are shown beside the bombs'.",
    "hostile: damaged frames are photographs in six formats with bits flipped, bytes replaced, cut, spliced or with headers that lie; some are still "
    "images and are answered.",
)
BOUND: Final = Goal(at_most=50)
_SEED: Final = 5
_LARGEST_SIDE: Final = 3000
"""Of a square frame within the default [serving] max_pixels."""


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, shorter."""
    seconds, each_s = (2.0, 0.3) if quick else (6.0, 1.0)
    ground = Ground(material.lite0())
    small, damaged = bombs(ground.frames[0]), list(mutated(400, _SEED))
    with running(server := Ours(ground.repository)):
        sent(server, ground.frames, 32, 3.0)
        alone = [latency_ms(sent(server, [bomb], 1, each_s).seen.answers, 50) for bomb in small]
        loads = [
            *_load(server, "bombs", small, seconds, BOUND),
            *_load(server, "damaged frames", damaged, seconds, BOUND),
            *_load(server, "the largest black PNGs that may be", [_png(_LARGEST_SIDE)], seconds, Goal()),
        ]
        after = sent(server, ground.frames, 8, seconds)
    return [
        figure(PART, "the slowest bomb's refusal, alone", "ms", [max(alone)], Goal(at_most=50)),
        *loads,
        figure(PART, "good frames that failed afterwards", "", [float(after.failed)], Goal(at_most=0)),
    ]


def _load(server: Ours, name: str, frames: list[bytes], seconds: float, growth: Goal) -> list[Figure]:
    """What eight connections of such frames do."""
    process = Path(f"/proc/{server.process.pid}")
    (process / "clear_refs").write_text("5")
    before = _peak_mib(process)
    outcome = sent(server, frames, 8, seconds)
    grown = _peak_mib(process) - before
    statuses = Counter(answer.status for answer in outcome.seen.answers)
    refused = [answer for answer in outcome.seen.answers if 400 <= answer.status < 500]
    strange = statuses.total() - statuses[200] - len(refused) + outcome.seen.broken
    return [
        figure(PART, f"memory growth, {name}", "MiB", [grown], growth),
        figure(PART, f"neither 200 nor 4xx, {name}", "requests", [float(strange)], Goal(at_most=0)),
        figure(PART, f"p99, 8 at a time, {name}", "ms", [latency_ms(outcome.seen.answers, 99)]),
        figure(PART, f"answered with 200, {name}", "share", [statuses[200] / statuses.total()]),
        figure(PART, f"requests, {name}", "", [float(statuses.total())]),
    ]


def bombs(jpeg: bytes) -> list[bytes]:
    """Small files with much behind them."""
    return [
        _png(30_000, 1 << 20),
        _claiming(jpeg, 30_000),
        _png(6000),
        _claiming(jpeg, 5000),
        _claiming(jpeg, 3000),
        _png(64, 100 << 20),
    ]


def _png(side: int, size: int = 0) -> bytes:
    """A square black PNG; `size`: with so many bytes of zeros for its picture, however many it needs."""
    stream, left = zlib.compressobj(9), size or side * (3 * side + 1)
    rows = b""
    while left:
        rows += stream.compress(bytes(some := min(left, 1 << 20)))
        left -= some
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows + stream.flush()) + _chunk(b"IEND")


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _claiming(jpeg: bytes, side: int) -> bytes:
    """A photograph whose header says that it is larger."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", side, side) + jpeg[at + 4 :]


def _peak_mib(process: Path) -> float:
    line = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
