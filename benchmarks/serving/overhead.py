"""What a server itself costs: a model that is nearly empty, so that what a request takes beyond decoding and running it is the server's own."""

from typing import Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.environments import NotInstalledError
from benchmarks.serving.ground import Goal, Ground, figure, middle
from benchmarks.serving.monitoring import in_turn
from benchmarks.serving.peers.table import PEERS
from benchmarks.serving.sending import Outcome, running, sent
from benchmarks.serving.servers import NotStartedError

PART: Final = "overhead"
_SETTLED: Final = (
    "overhead: CPU of all the server's processes for a frame at 8 connections, less that of the bare job (header's checks, decoding, fitting, model, "
    "softmax) measured beside it in two processes. Ours includes statistics, events and samples; the peers have none.",
    "overhead: the peers' figures are of one load each; a peer that idles by polling pays for it in every frame.",
)
CAVEATS: Final = list(_SETTLED)


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, short loads."""
    seconds, rounds = (2.0, 2) if quick else (4.0, 4)
    CAVEATS[:] = _SETTLED
    ground = Ground(material.near_empty())
    jobs = [ground.bare("job", seconds)]
    watched, unwatched = in_turn(ground, seconds, rounds)
    jobs.append(ground.bare("job", seconds))
    job = middle([one.cpu_ms for one in jobs])
    others = _peers(ground, seconds)
    peers = {name: one.cpu_ms - job if one else None for name, one in others.items()}
    rates = {name: one.rate if one else None for name, one in others.items()}
    model = ground.bare("ort", seconds)
    return [
        figure(
            PART, "CPU beyond decoding and model", "ms / frame", [one.cpu_ms - job for one in watched], Goal(at_most=0.6), peers
        ),
        figure(PART, "the same without monitoring", "ms / frame", [one.cpu_ms - job for one in unwatched], peers=peers),
        figure(PART, "decoding and model", "ms / frame", [one.cpu_ms for one in jobs], peers={"the model alone": model.cpu_ms}),
        figure(PART, "throughput, 8 connections", "frames / s", [one.rate for one in watched], peers=rates),
        figure(PART, "p50, 8 connections", "ms", [one.latency_ms(50) for one in watched]),
        figure(PART, "p99, 8 connections", "ms", [one.latency_ms(99) for one in watched]),
    ]


def _peers(ground: Ground, seconds: float) -> dict[str, Outcome | None]:
    found: dict[str, Outcome | None] = {}
    for peer in PEERS:
        try:
            with running(ground.peer(peer)) as server:
                sent(server, ground.frames, 8, 1.0)
                found[peer.name] = sent(server, ground.frames, 8, seconds)
        except (NotInstalledError, NotStartedError) as error:
            found[peer.name] = None
            CAVEATS.append(f"overhead: {peer.name} was not measured. {' '.join(str(error).split())[-300:]}")
    return found
