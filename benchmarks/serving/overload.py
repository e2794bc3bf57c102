"""Four times as many frames as can be answered: what is still answered, and what the others hear."""

from collections import Counter
from typing import Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure
from benchmarks.serving.sending import running, sent
from benchmarks.serving.servers import Ours

PART: Final = "overload"
CAVEATS: Final = (
    "overload: an open load of four times the peak, sent at fixed times by 32 cameras on up to 512 connections that ask again at once and heed no "
    "Retry-After; the client's own CPU and the reading of what is refused are taken from the same two cores. The peak is a closed load of 32 connections "
    "before and after.",
)
_TIMES: Final = 4
_CONNECTIONS: Final = 512


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, one short round."""
    seconds, rounds = (3.0, 1) if quick else (6.0, 3)
    ground = Ground(material.lite0())
    good, waits, others, shed, client = [], [], [], [], []
    with running(server := Ours(ground.repository)):
        sent(server, ground.frames, 32, 2.0)
        peaks = [sent(server, ground.frames, 32, seconds)]
        for _ in range(rounds):
            burst = sent(server, ground.frames, _CONNECTIONS, seconds, _TIMES * peaks[-1].rate)
            peaks.append(sent(server, ground.frames, 32, seconds))
            good.append(2 * burst.rate / (peaks[-2].rate + peaks[-1].rate))
            waits.append(burst.latency_ms(99))
            statuses = Counter(answer.status for answer in burst.seen.answers)
            shed.append(statuses[429] / max(1, statuses.total()))
            others.append(float(statuses.total() - statuses[200] - statuses[429] + burst.seen.broken + burst.seen.unsent))
            client.append(burst.seen.cpu_s / burst.seen.took_s)
    return [
        figure(PART, "goodput under four times the peak / peak", "", good, Goal(at_least=0.95)),
        figure(PART, "peak", "frames / s", [one.rate for one in peaks]),
        figure(PART, "p99 of the frames that were answered", "ms", waits),
        figure(PART, "refused with 429", "share", shed),
        figure(PART, "neither answered nor refused with 429", "requests", others, Goal(at_most=0)),
        figure(PART, "the client's CPU", "cores", client),
    ]
