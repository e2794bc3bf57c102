"""What a retraining brings after each change, beside the loops that people write: the same labels, the same network, sealed proofs of both domains.

`ours` is what serves afterwards: the candidate where no gate refused it, as if a person approved what a gate could not tell, else the champion, since a
refused candidate changes nothing.
"""

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.form import Figure
from benchmarks.retrain import naive
from benchmarks.retrain.ours import CACHE, House, accuracy
from benchmarks.retrain.worlds import WORLDS, World

PART: Final = "scenarios"
SEEDS: Final = (1, 2, 3)
SIDE: Final = 96
"""Pixels: 4 times the frames a second that 224 give on two cores; the same for all."""
LOST: Final = 0.03
"""More than this lost on the old domain is forgetting."""
CAVEATS: Final = (
    f"scenarios: networks see {SIDE} pixels and worlds are small (some 500 to 800 photographs before the change, 160 to 400 labels after it), so that whole"
    " networks can be trained on two cores; every figure is a share of some 120 to 500 sealed photographs, an interval the spread over seeds.",
    "scenarios: a candidate of which a gate could not tell (inconclusive, with its verdict) counts as approved by the person who would be asked.",
    "scenarios: CPU seconds are of one thread; ours with reading the frames, every technique tried, gates, pictures and package, the loops' of training alone.",
    "scenarios: darkness and blur are computed on real photographs; garments are 28 pixels wide, enlarged.",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One world under one seed: accuracy on both proofs before, after by ours, and by each naive loop; CPU seconds of the job."""

    before: tuple[float, float]
    after: tuple[float, float]
    naive: dict[str, naive.Went]
    labels: int
    seconds: float
    verdict: str
    technique: str


def figures(quick: bool) -> list[Figure]:
    """All worlds; with `quick`, one seed."""
    seeds = SEEDS[:1] if quick else SEEDS
    jobs = [(name, seed) for name in WORLDS for seed in seeds]
    CACHE.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(max(1, len(os.sched_getaffinity(0))), mp_context=get_context("spawn")) as pool:
        shown = dict(zip(jobs, pool.map(_shown, jobs), strict=True))
    return [figure for name in WORLDS for figure in told(name, [shown[name, seed] for seed in seeds])]


def told(name: str, shown: Sequence[Shown]) -> list[Figure]:
    """The figures of a world, over its seeds."""
    loops = shown[0].naive

    def spread(what: str, unit: str, ours: list[float], goal: str, ok: bool | None, peers: dict[str, float]) -> Figure:
        value = float(np.mean(ours))
        return Figure(PART, f"{name}: {what}", unit, value, min(ours), max(ours), goal, ok, dict(peers))

    def peers(domain: int) -> dict[str, float]:
        by = {loop: float(np.mean([(one.naive[loop].old, one.naive[loop].new)[domain] for one in shown])) for loop in loops}
        return {"before": float(np.mean([one.before[domain] for one in shown])), **by}

    old, new = ([one.after[domain] for one in shown] for domain in (0, 1))
    lost = max(one.before[0] - one.after[0] for one in shown)
    verdicts, techniques = (_counted([getattr(one, what) for one in shown]) for what in ("verdict", "technique"))
    keeping = [loop for loop in loops if peers(0)["before"] - peers(0)[loop] <= LOST]
    rival = max((peers(1)[loop] for loop in keeping), default=0.0)
    best = float(np.mean(new)) >= rival - 0.01
    seconds = {loop: float(np.mean([one.naive[loop].seconds for one in shown])) for loop in loops}
    return [
        spread("new domain, accuracy after", "", new, f">= the best loop that forgets at most {LOST:g}, less 0.01", best, peers(1)),
        spread("old domain, accuracy after", "", old, f">= before less {LOST:g}, every seed", lost <= LOST, peers(0)),
        spread(f"seconds ({shown[0].labels} labels; {techniques}; {verdicts})", "s", [o.seconds for o in shown], "", None, seconds),
    ]  # fmt: skip


def _shown(job: tuple[str, int]) -> Shown:
    name, seed = job
    torch.set_num_threads(1)
    world = WORLDS[name](seed)
    with tempfile.TemporaryDirectory(prefix="keepsight-bench-") as folder:
        return _judged(House(Path(folder), world), world, seed)


def _judged(house: House, world: World, seed: int) -> Shown:
    champion = house.first(SIDE, seed, CACHE.resolve())
    came = house.job("job", seed)
    model, manifest = (came.model, came.manifest) if came.manifest is not None else (champion.model, champion.manifest)
    before, after = (
        (accuracy(m, x, world.proof_old), accuracy(m, x, world.proof_new))
        for m, x in ((champion.model, champion.manifest), (model, manifest))
    )
    loops = {loop: run(world, champion, seed) for loop, run in naive.LOOPS.items()}
    outcome = came.outcome
    open_gates = ", ".join(f"{gate.gate} {gate.verdict}" for gate in outcome.gates if gate.verdict != "pass")
    verdict = f"{outcome.verdict}{f' ({open_gates})' if open_gates else ''}"
    technique = next((row.technique for row in outcome.table if row.chosen), "head_only")
    if outcome.verdict != "packaged":
        sys.stderr.write(f"{world.name}, seed {seed}: {outcome.verdict}: {outcome.reason}\n")
    return Shown(before, after, loops, len(world.met), came.seconds, verdict, technique)


def _counted(names: Sequence[str]) -> str:
    return "; ".join(f"{count} x {name}" if len(names) > 1 else name for name, count in Counter(names).most_common())
