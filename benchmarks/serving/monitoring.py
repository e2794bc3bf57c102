"""What watching costs: the same server with and without statistics, events and samples, in turn under the same load."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure
from benchmarks.serving.sending import Outcome, running, sent
from benchmarks.serving.servers import Ours, Server

PART: Final = "monitoring"
CAVEATS: Final = (
    "monitoring: `without` is the same process with the statistics' function and the journal's write replaced by nothing and sampling off "
    "(benchmarks/serving/unwatched.py); the event is still built, since the answer is made from it, and the embedding is projected. Shares are of two loads "
    "that follow each other; the two servers stand idle in each other's turn.",
)
_CONNECTIONS: Final = 8
UNWATCHED: Final[dict[str, Any]] = {"module": "benchmarks.serving.unwatched", "sample_share": 0.0, "uncertain_share": 0.0}


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, two short rounds."""
    ground = Ground(material.lite0())
    watched, unwatched = in_turn(ground, *((2.0, 2) if quick else (4.0, 6)))
    shares = [100 * (1 - b.cpu_ms / a.cpu_ms) for a, b in zip(watched, unwatched, strict=True)]
    slower = [100 * (1 - a.rate / b.rate) for a, b in zip(watched, unwatched, strict=True)]
    return [
        figure(PART, "share of the server's CPU", "%", shares, Goal(at_most=5)),
        figure(PART, "server's CPU with monitoring", "ms / frame", [one.cpu_ms for one in watched]),
        figure(PART, "server's CPU without", "ms / frame", [one.cpu_ms for one in unwatched]),
        figure(PART, "throughput lost to it", "%", slower),
    ]


def in_turn(ground: Ground, seconds: float, rounds: int) -> tuple[list[Outcome], list[Outcome]]:
    """The loads of a server with and of one without monitoring, in alternation."""
    with ExitStack() as stack:
        servers: Sequence[Server] = [
            stack.enter_context(running(Ours(ground.repository))),
            stack.enter_context(running(Ours(ground.repository, **UNWATCHED))),
        ]
        for server in servers:
            sent(server, ground.frames, _CONNECTIONS, 1.0)
        found: list[list[Outcome]] = [[], []]
        for number in range(rounds):
            for i in (0, 1) if number % 2 else (1, 0):
                found[i].append(sent(servers[i], ground.frames, _CONNECTIONS, seconds))
    return found[0], found[1]
