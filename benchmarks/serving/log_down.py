"""The log away and back under load: the cameras must not notice, and no event may be missing afterwards."""

import sqlite3
from typing import Final

from benchmarks.form import Figure
from benchmarks.serving import material
from benchmarks.serving.ground import Goal, Ground, figure
from benchmarks.serving.sending import Outcome, running, sent
from benchmarks.serving.servers import Ours
from contracts.events import FRAMES as TOPIC
from contracts.events import FrameScored
from tests.serving_process import eventually

PART: Final = "log_down"
CAVEATS: Final = (
    "log_down: the embedded log is held by another writer, so that every publish fails, for one load out of two; 8 connections. `Unmoved` is read as at most "
    "10 % above the load beside it with the log there.",
)
_CONNECTIONS: Final = 8


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, one short round."""
    seconds, rounds = (3.0, 1) if quick else (5.0, 4)
    ground = Ground(material.lite0())
    there, away, waiting = [], [], []
    with running(ours := Ours(ground.repository)):
        house, warm = ours.process, sent(ours, ground.frames, _CONNECTIONS, 1.0)
        for _ in range(rounds):
            there.append(sent(ours, ground.frames, _CONNECTIONS, seconds))
            log = sqlite3.connect(house.home / "log" / "log.sqlite3", isolation_level=None, timeout=60)
            log.execute("BEGIN IMMEDIATE")
            away.append(sent(ours, ground.frames, _CONNECTIONS, seconds))
            waiting.append(house.metric("keepsight_serving_spool_bytes") / 2**20)
            log.execute("ROLLBACK")
            log.close()
            eventually("the spool is empty", lambda: house.metric("keepsight_serving_spool_bytes") == 0)
        answered = sum(len(one.good) for one in (warm, *there, *away))
        logged = len(house.logged(TOPIC, FrameScored))
    both = list(zip(there, away, strict=True))
    return [
        figure(PART, "p99 away / there", "", [b.latency_ms(99) / a.latency_ms(99) for a, b in both], Goal(at_most=1.1)),
        figure(PART, "p50 away / there", "", [b.latency_ms(50) / a.latency_ms(50) for a, b in both]),
        figure(PART, "p99 there", "ms", [one.latency_ms(99) for one in there]),
        figure(PART, "requests that failed", "", [float(_failed(there) + _failed(away))], Goal(at_most=0)),
        figure(PART, "events in the spool at the end of a load", "MiB", waiting),
        figure(PART, "answers without an event in the log", "", [float(abs(answered - logged))], Goal(at_most=0)),
    ]


def _failed(outcomes: list[Outcome]) -> int:
    return sum(one.failed for one in outcomes)
