"""Four times as many frames as can be answered: what is still answered, and what the others hear."""

import os
import time
from collections import Counter
from typing import Final

import msgspec

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure, middle
from benchmarks.serving.sending import Outcome, Sending, running, sent
from benchmarks.serving.servers import Ours

PART: Final = "overload"
CAVEATS: Final = (
    "overload: an open load of four times the peak, sent at fixed times by 32 cameras on up to 512 connections that ask again at once and heed no "
    "Retry-After; the client's own CPU and the reading of what is refused are taken from the same two cores. The peak is a closed load of 32 connections "
    "before and after.",
    "overload: beside a mad camera: one camera sends four times the peak alone, two others four frames a second each; the queue gives each its turn.",
)
_TIMES: Final = 4
_CONNECTIONS: Final = 512
_CALM: Final = ("cam-30", "cam-31")
_CALM_RATE: Final = 4.0


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, one short round."""
    seconds, rounds = (3.0, 1) if quick else (6.0, 3)
    ground = Ground(material.lite0())
    with running(ours := Ours(ground.repository)):
        sent(ours, ground.frames, 32, 2.0)
        peaks = [sent(ours, ground.frames, 32, seconds)]
        bursts, good = [], []
        for _ in range(rounds):
            bursts.append(sent(ours, ground.frames, _CONNECTIONS, seconds, _TIMES * peaks[-1].rate))
            peaks.append(sent(ours, ground.frames, 32, seconds))
            good.append(2 * bursts[-1].rate / (peaks[-2].rate + peaks[-1].rate))
        calm = _beside_a_mad_camera(ours, ground, seconds, _TIMES * peaks[-1].rate)
    statuses = [Counter(answer.status for answer in one.seen.answers) for one in bursts]
    strange = [one.failed - seen[429] + one.seen.unsent for one, seen in zip(bursts, statuses, strict=True)]
    return [
        figure(PART, "goodput under four times the peak / peak", "", good, Goal(at_least=0.95)),
        figure(
            PART,
            "the same, of the CPU that the client leaves",
            "",
            [share / _left(one, peaks) for share, one in zip(good, bursts, strict=True)],
        ),
        figure(PART, "peak", "frames / s", [one.rate for one in peaks]),
        figure(PART, "p99 of the frames that were answered", "ms", [one.latency_ms(99) for one in bursts]),
        figure(PART, "refused with 429", "share", [seen[429] / seen.total() for seen in statuses]),
        figure(PART, "neither answered nor refused with 429", "requests", [float(count) for count in strange], Goal(at_most=0)),
        figure(PART, "the client's CPU", "cores", [one.seen.cpu_s / one.seen.took_s for one in bursts]),
        figure(
            PART,
            "beside a mad camera: a calm one's frames answered",
            "share",
            [len(calm.good) / len(calm.seen.answers)],
            Goal(at_least=1),
        ),
        figure(PART, "beside a mad camera: a calm one's p50", "ms", [calm.latency_ms(50)]),
        figure(PART, "beside a mad camera: a calm one's p99", "ms", [calm.latency_ms(99)]),
    ]


def _left(burst: Outcome, peaks: list[Outcome]) -> float:
    """The cores that the client leaves under four times the peak, in those that it leaves at the peak."""
    cores = len(os.sched_getaffinity(0))
    used = [one.seen.cpu_s / one.seen.took_s for one in (burst, *peaks)]
    return (cores - used[0]) / (cores - middle(used[1:]))


def _beside_a_mad_camera(ours: Ours, ground: Ground, seconds: float, rate: float) -> Outcome:
    """What calm cameras see while one camera alone sends `rate` frames a second."""
    mad = msgspec.structs.replace(ours.order(ground.frames, _CONNECTIONS, seconds + 1, rate), paths=["/v1/frames?camera=cam-00"])
    paths = [f"/v1/frames?camera={camera}" for camera in _CALM]
    calm = msgspec.structs.replace(ours.order(ground.frames, 8, seconds, _CALM_RATE * len(_CALM)), paths=paths)
    with Sending(mad, ours.tree):
        time.sleep(0.5)
        with Sending(calm, ours.tree) as sending:
            pass
    return sending.outcome
