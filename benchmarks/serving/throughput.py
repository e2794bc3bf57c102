"""Frames a second, CPU, latency and memory beside the peers and the bare job, on EfficientNet-lite0 with everything switched on that is by default.

A round visits ours, some peers, ours again, the other peers, with the raw ONNX Runtime ceiling measured before and after each: a visit's share is taken
of the two ceilings beside it, so that a noisy minute weighs on both.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.environments import NotInstalledError
from benchmarks.serving.ground import Goal, Ground, figure, middle
from benchmarks.serving.peers.table import PEERS, Peer
from benchmarks.serving.sending import Outcome, running, sent
from benchmarks.serving.servers import NotStartedError, Ours, Server

PART: Final = "throughput"
CONNECTIONS: Final = (1, 8, 32)
OURS: Final = "Keepsight"
JOB: Final = "whole job without HTTP"
CEILING: Final = "raw ONNX Runtime"
GOAL_SHARE: Final = 0.78
SPREAD: Final = Goal(at_most=1.5)
RSS: Final = Goal(at_most=250)
_SETTLED: Final = (
    "throughput: two cores carry server and client alike; the client's own CPU is a figure of its own, and no ceiling contains it.",
    "throughput: the ceiling is two processes with a one-thread session each at batch 1 on frames prepared already; `whole job without HTTP` adds the "
    "header's checks, decoding, fitting and softmax, and has neither statistics nor events nor a network.",
    "throughput: ours scores with image statistics, sampling (5 % and 2 % of frames stored), events on disk and published to the embedded log, in one "
    "process; the peers score only. All use contracts.frames to decode and fit, one-thread sessions and two workers, but for `FastAPI, naive`, which "
    "leaves ONNX Runtime its defaults.",
    "throughput: `the model's share of the CPU` is the ceiling's CPU for an image by all that server and client take for a frame: the share of the ceiling "
    "that two full cores allow, and the one of the two that another load on the machine moves less; on virtual cores it moves that too.",
    "throughput: LitServe and MLServer take frames in base64 inside JSON, as their users send them; the others take the raw bytes. LitServe, MLServer and "
    "PyTriton form batches of up to 8, Triton native and FastAPI none: on a CPU a batch gains nothing.",
    "throughput: the value is the median over visits, its interval the least and the greatest visit. RSS adds up the processes and counts pages that they "
    "share in each; PSS divides them.",
    "throughput: PyTriton and Triton run with NumPy 1.26 and OpenCV 4.11, which the wheel asks for; everything else with the newest.",
)
CAVEATS: Final = list(_SETTLED)


@dataclass(frozen=True, slots=True)
class Visit:
    """One server's loads, by connections, with the ceiling beside them: images a second, and CPU milliseconds an image."""

    outcomes: dict[int, Outcome]
    ceiling: float
    ceiling_cpu_ms: float


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, one short round."""
    seconds, rounds = (2.0, 1) if quick else (3.5, 3)
    CAVEATS[:] = _SETTLED
    ground, visits = Ground(material.lite0()), defaultdict[str, list[Visit]](list)
    jobs, ceilings, missing = [], [ground.bare("ort", seconds)], dict[str, str]()
    for number in range(rounds):
        jobs.append(ground.bare("job", seconds))
        for name, start in _contenders(ground, number):
            if name in missing:
                continue
            try:
                outcomes = _loads(start(), ground.frames, seconds)
            except (NotInstalledError, NotStartedError) as error:
                missing[name] = f"{type(error).__name__}: {error}"
                continue
            ceilings.append(ground.bare("ort", seconds))
            before, after = ceilings[-2:]
            visits[name].append(Visit(outcomes, (before.rate + after.rate) / 2, (before.cpu_ms + after.cpu_ms) / 2))
    CAVEATS.extend(f"throughput: {name} was not measured. {' '.join(why.split())[-300:]}" for name, why in missing.items())
    table = _Table(visits[OURS], {peer.name: visits.get(peer.name, []) for peer in PEERS})
    rates = {CEILING: middle([one.rate for one in ceilings]), JOB: middle([one.rate for one in jobs])}
    cpu_ms = {CEILING: middle([one.cpu_ms for one in ceilings]), JOB: middle([one.cpu_ms for one in jobs])}
    return [*(row for c in CONNECTIONS for row in table.at(c, rates, cpu_ms)), *table.whole()]


def _contenders(ground: Ground, number: int) -> list[tuple[str, Callable[[], Server]]]:
    """Ours twice among the peers, whose order turns from round to round."""
    turn = number * 3 % len(PEERS)
    peers = [*PEERS[turn:], *PEERS[:turn]]
    half = len(peers) // 2

    def of(some: Sequence[Peer]) -> list[tuple[str, Callable[[], Server]]]:
        return [(peer.name, lambda peer=peer: ground.peer(peer)) for peer in some]  # type: ignore[misc]  # bound at once

    ours: tuple[str, Callable[[], Server]] = (OURS, lambda: Ours(ground.repository))
    return [ours, *of(peers[:half]), ours, *of(peers[half:])]


def _loads(server: Server, frames: Sequence[bytes], seconds: float) -> dict[int, Outcome]:
    with running(server):
        sent(server, frames, 8, seconds / 2)  # warm
        return {connections: sent(server, frames, connections, seconds) for connections in CONNECTIONS}


@dataclass(frozen=True, slots=True)
class _Table:
    """The visits to ours and to the peers, as rows of figures."""

    ours: Sequence[Visit]
    peers: dict[str, list[Visit]]

    def row(
        self, name: str, unit: str, of: Callable[[Visit], float], goal: Goal = Goal(), bare: dict[str, float] | None = None
    ) -> Figure:
        """One figure of every visit; `bare` is shown first among the peers and is none of them."""
        seen = {peer: middle([of(visit) for visit in visits]) if visits else None for peer, visits in self.peers.items()}
        made = figure(PART, name, unit, [of(visit) for visit in self.ours], goal, seen)
        return msgspec.structs.replace(made, peers={**(bare or {}), **seen})

    def at(self, c: int, rates: dict[str, float], cpu_ms: dict[str, float]) -> list[Figure]:
        """The figures at `c` connections."""
        where = f"{c} connection{'s' if c > 1 else ''}"
        share = Goal(at_least=GOAL_SHARE, above_peers=True) if c > 1 else Goal()
        return [
            self.row(f"throughput, {where}", "frames / s", lambda v: v.outcomes[c].rate, bare=rates),
            self.row(f"share of the ceiling, {where}", "", lambda v: v.outcomes[c].rate / v.ceiling, share),
            self.row(f"server's CPU, {where}", "ms / frame", lambda v: v.outcomes[c].cpu_ms, bare=cpu_ms),
            self.row(f"the model's share of the CPU, {where}", "", lambda v: v.ceiling_cpu_ms / v.outcomes[c].total_cpu_ms),
            self.row(f"p50, {where}", "ms", lambda v: v.outcomes[c].latency_ms(50)),
            self.row(f"p99, {where}", "ms", lambda v: v.outcomes[c].latency_ms(99)),
        ]

    def whole(self) -> list[Figure]:
        """The figures over all connections."""
        last = CONNECTIONS[-1]
        return [
            self.row("p99 / p50, 8 connections", "", lambda v: v.outcomes[8].latency_ms(99) / v.outcomes[8].latency_ms(50), SPREAD),
            self.row("memory after it, RSS", "MiB", lambda v: v.outcomes[last].rss_mib, RSS),
            self.row("memory after it, PSS", "MiB", lambda v: v.outcomes[last].pss_mib),
            self.row("the client's CPU, 8 connections", "ms / frame", lambda v: v.outcomes[8].client_cpu_ms),
            self.row("requests that failed", "", lambda v: float(sum(one.failed for one in v.outcomes.values())), Goal(at_most=0)),
        ]
