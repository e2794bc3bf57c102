"""What watching costs: events a second through the whole monitor, bytes of state a camera, memory and stalls at 10,000 cameras, beside the peers' cost.

Events are real photographs scored by the small real version, as the tests have them, with 32 embedding axes. Time is the process's own (CPU), so that a
busy machine does not count; everything runs on one core.
"""

import gc
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry
from river.drift import ADWIN, KSWIN, PageHinkley
from river.drift.binary import DDM

from benchmarks.form import Figure
from benchmarks.monitor import camera_state
from benchmarks.monitor.camera_state import A_SITE, FLEET, GOAL_RSS
from benchmarks.monitor.world import POLICY, World
from contracts import events
from contracts.events import AnyEvent, FrameScored
from contracts.log import open_bus
from monitor.exports import Exports
from monitor.judge import Judge
from monitor.overview import overview
from monitor.panel import Panel
from monitor.service import COLLECT, Service
from monitor.store import Store
from tests.monitor_line import MODEL

GOAL_EVENTS: Final = 20_000
RIVER: Final[dict[str, Callable[[], Any]]] = {
    "ADWIN": ADWIN,
    "Page-Hinkley": PageHinkley,
    "KSWIN": lambda: KSWIN(seed=1),
    "DDM": DDM,
}
CAVEATS: Final = (
    "cost: `whole monitor` reads an embedded log on disk, decodes, merges partitions, judges, saves state with offsets and empties the outbox; "
    "`judge alone` starts from decoded events. CPU time of one process, the disk's waiting left out.",
    "cost: river's detectors are given one number, and as many as the watch has features, an event; Evidently makes one drift report of 1,000 rows "
    "against 1,000 (a child process, its imports left out), and the figure is rows by its time.",
    *camera_state.CAVEATS,
    "cost: the resident memory of 10,000 cameras of `items` is that of a process that judged so many frames of every camera.",
)


def figures(quick: bool) -> list[Figure]:
    """All of it; with `quick`, fewer events."""
    return [*_throughput(quick), *camera_state.figures(quick), *_fleet(quick)]


def _throughput(quick: bool) -> list[Figure]:
    found = []
    for cameras, each in ((50, 400 if quick else 1600), (FLEET, 4 if quick else 16)):
        world = World(cameras, 1 / cameras)
        frames = world.frames(each)
        rates = [_through(world, frames) for _ in range(1 if quick else 3)]
        peers = _peers_rates(world, frames) if cameras == 50 else {}
        found.append(_at_least(f"whole monitor, {cameras:,} cameras", "events / s and core", rates, GOAL_EVENTS, peers))
        if cameras == 50:
            alone = _judge_all(world.judge, frames)
            found.append(_at_least("judge alone, 50 cameras", "events / s and core", [len(frames) / alone], GOAL_EVENTS, peers))
            size = float(np.mean([len(events.encode(frame, "bench").value) for frame in frames[:500]]))
            found.append(Figure("cost", "size of an event", "bytes", size))
    return found


def _at_least(name: str, unit: str, values: Sequence[float], goal: float, peers: dict[str, float | None]) -> Figure:
    middle = float(np.median(values))
    return Figure("cost", name, unit, middle, min(values), max(values), f">= {goal:,}", middle >= goal, peers)


def _at_most(name: str, unit: str, value: float, goal: float, peers: dict[str, float | None] | None = None) -> Figure:
    return Figure("cost", name, unit, value, goal=f"<= {goal:,.0f}", ok=value <= goal, peers=peers or {})


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def _judge_all(judge: Judge, frames: Sequence[AnyEvent]) -> float:
    """Seconds."""

    def work() -> None:
        for frame in frames:
            judge.apply(frame, frame.occurred_at)

    return _seconds(work)


def _through(world: World, frames: Sequence[FrameScored]) -> float:
    """Events a second from an embedded log to the saved state, with the collector as the monitor's process sets it."""
    gc.set_threshold(*COLLECT)
    with tempfile.TemporaryDirectory() as folder:
        bus = open_bus(f"embedded://{folder}/log")
        bus.ensure_topics(events.TOPICS)
        for start in range(0, len(frames), 2000):
            bus.publish([events.encode(frame, "bench") for frame in frames[start : start + 2000]])
        store = Store(Path(folder) / "state.sqlite", "bench")
        memory = store.load()
        service = Service(bus, store, Judge(MODEL, POLICY, memory, world.standards), memory, MODEL, 1.0, 1.0, time.time)
        stop = threading.Event()
        wanted = (events.FRAMES, "judged")
        took = _seconds(lambda: service.run(stop, lambda: stop.set() if service.taken.get(wanted, 0) >= len(frames) else None))
        store.close()
        bus.close()
    return len(frames) / took


def _peers_rates(world: World, frames: Sequence[FrameScored]) -> dict[str, float | None]:
    reference = world.standards("1").reference
    assert reference is not None
    values = [frame.statistics.luma_mean for frame in frames[:5000]]
    rates: dict[str, float | None] = {}
    for name, make in RIVER.items():
        taken = [float(value > 100) for value in values] if name == "DDM" else values
        one = len(taken) / _seconds(lambda make=make, taken=taken: _update_all(make(), taken))  # type: ignore[misc]  # bound at once
        rates[f"{name}, one feature"] = one
        if name != "DDM":
            rates[f"{name}, {len(reference.level)} features"] = one / len(reference.level)
    return rates | {"Evidently report, 20 columns": _evidently_rate()}


def _update_all(stock: Any, values: Sequence[float]) -> None:
    for value in values:
        stock.update(value)


_EVIDENTLY: Final = """
import time, warnings
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
rng = np.random.default_rng(1)
one, two = (pd.DataFrame(rng.normal(size=(1000, 20)), columns=[f"f{i}" for i in range(20)]) for _ in range(2))
began = time.process_time()
Report([DataDriftPreset()]).run(one, two).dict()
print(1000 / (time.process_time() - began))
"""


def _evidently_rate() -> float:
    """Rows a second of one report."""
    done = subprocess.run([sys.executable, "-c", _EVIDENTLY], capture_output=True, check=True, text=True)
    return float(done.stdout.split()[-1])


def _fleet(quick: bool) -> list[Figure]:
    """10,000 cameras in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks.monitor import cost; cost.fleet({24 if quick else 144})"],
        capture_output=True,
        check=True,
        text=True,
    )
    seen = json.loads(done.stdout.split("\n")[-2])
    return [
        _at_most("resident memory, 10,000 cameras of items", "MiB", seen["rss"] / 2**20, GOAL_RSS / 2**20),
        Figure("cost", "saving 10,000 cameras that all changed", "s", seen["save"]),
        Figure("cost", "loading 10,000 cameras", "s", seen["load"]),
        _at_most("stall by metrics and /v1/state, 10,000 cameras", "ms", seen["panel"] * 1000, 250),
        _at_most("the same, share of the loop's time", "%", 100 * seen["panel"] / max(seen["panel_every"], 1e-9), 5),
    ]


def fleet(each: int) -> None:
    """Judge `each` frames of 10,000 cameras, and print what that took as one line of JSON. Run in a child process."""
    world = World(FLEET, 1 / FLEET)
    shown = [msgspec.structs.replace(frame, site=f"site-{i // A_SITE}") for i, frame in enumerate(world.frames(1))]
    for turn in range(each):
        for frame in shown:
            at = frame.received_at + turn
            stamp = int(at * 1000)
            number = f"{stamp >> 16:08x}-{stamp & 0xFFFF:04x}-7000-8000-{turn:012x}"
            again = msgspec.structs.replace(frame, event_id=number, frame_id=number, received_at=at, captured_at=at, occurred_at=at)
            world.judge.apply(again, at)
    registry = CollectorRegistry()
    panel = Panel(
        Exports(registry, MODEL, world.standards.families), lambda: overview(MODEL, POLICY, world.memory, world.standards)
    )
    store = Store(Path(world.folder.name) / "state.sqlite", "bench")
    service = Service(open_bus(f"embedded://{world.folder.name}/log"), store, world.judge, world.memory, MODEL, 1.0, 1.0, time.time)
    panel.beat(service, 1.0)
    took = {
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "panel": _seconds(lambda: panel.beat(service, 1e6)),
        "panel_every": panel.every_s,
        "save": _seconds(lambda: store.save(world.memory, {}, [])),
        "load": _seconds(store.load),
    }
    print(json.dumps(took))
