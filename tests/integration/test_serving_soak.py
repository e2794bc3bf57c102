"""Ten minutes of cameras at their pace, with garbage, clients that vanish, a swap and a log that is away every minute: memory stays flat."""

import sqlite3
import time
from pathlib import Path
from statistics import mean

import pytest

from tests.crowd import Leavers, resident_bytes
from tests.mutations import mutated
from tests.serving_process import Load, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version, set_channels

MINUTES = 10
SPAN = 3
"""Minutes whose mean is compared with that of as many before them: single ones swing by 5 MiB with what the allocator gives back after a swap. By then what
is remembered is at its bounds (4,096 cards of sampled frames: so many are sampled)."""
MOST_GROWTH = 4 << 20
MOST_HELD = 250 << 20
FRAMES, _ = photographs(16)
HONEST = ("line-1", "line-2", "gate")


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES + 120)
def test_memory_is_flat_over_ten_minutes(tmp_path: Path) -> None:
    cameras = {name: {"site": "hall", "stream": "video" if name == "gate" else "items"} for name in (*HONEST, "garbage", "leaver")}
    serving = ServingProcess(tmp_path, cameras=cameras, sample_share=0.6, frame_store_max_bytes=64 << 20)
    publish_small_version(serving.repository)
    publish_small_version(serving.repository, version="2", seed=2, champion=False)
    serving.start()
    held: list[int] = []
    with (
        Load(serving, FRAMES, HONEST, every_s=0.03) as honest,
        Load(serving, list(mutated(300, seed=5)), ("garbage",), every_s=0.1) as garbage,
        Leavers(serving, FRAMES[0], "leaver"),
    ):
        for minute in range(MINUTES):
            ends = time.monotonic() + 60
            set_channels(serving.repository, champion=("2", "1")[minute % 2])
            log = sqlite3.connect(tmp_path / "log" / "log.sqlite3", isolation_level=None, timeout=60)
            log.execute("BEGIN IMMEDIATE")
            eventually("waiting events", lambda: serving.metric("keepsight_serving_spool_bytes") > 1 << 20)
            log.close()
            eventually("an empty spool", lambda: serving.metric("keepsight_serving_spool_oldest_seconds") < 1)
            time.sleep(max(0.0, ends - time.monotonic()))  # its own measure is time
            held.append(resident_bytes(serving.pid))
    print("resident MiB by minute:", *(f"{one / 2**20:.1f}" for one in held), f"after {len(honest.answers)} answers")
    assert serving.stop() == 0
    assert not honest.broken
    assert not honest.refused
    assert not garbage.broken
    assert mean(held[-SPAN:]) - mean(held[-2 * SPAN : -SPAN]) < MOST_GROWTH, held
    assert max(held) < MOST_HELD, held
