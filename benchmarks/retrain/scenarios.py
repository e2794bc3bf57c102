"""What a retraining brings after each change, beside the loops that people write: the same labels, the same network, sealed proofs of both domains.

`ours` is what serves afterwards: the candidate where no gate refused it, as if a person approved what a gate could not tell, else the champion, since a
refused candidate changes nothing.
"""

import hashlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np
import torch

from benchmarks import form
from benchmarks.form import Figure
from benchmarks.retrain import naive, worlds
from benchmarks.retrain.ours import CACHE, House, Marks, marks
from benchmarks.retrain.worlds import WORLDS, World
from contracts.repository import Version

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


_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True)
class Ours:
    """One world under one seed: what the first version makes of the old and new proof, and what serves after the job; CPU seconds of the job."""

    before: tuple[Marks, Marks]
    after: tuple[Marks, Marks]
    labels: int
    seconds: float
    verdict: str
    technique: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One world under one seed, by ours and by each naive loop."""

    ours: Ours
    naive: dict[str, naive.Went]


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

    mine = [one.ours for one in shown]

    def spread(what: str, unit: str, values: list[float], goal: str, ok: bool | None, peers: dict[str, float]) -> Figure:
        return Figure(PART, f"{name}: {what}", unit, float(np.mean(values)), min(values), max(values), goal, ok, dict(peers))

    def peers(of: Callable[[naive.Went], float], before: Callable[[Ours], float]) -> dict[str, float]:
        by = {loop: float(np.mean([of(one.naive[loop]) for one in shown])) for loop in loops}
        return {"before": float(np.mean([before(one) for one in mine])), **by}

    old, new = (
        peers(lambda one: one.old.accuracy, lambda one: one.before[0].accuracy),
        peers(lambda one: one.new.accuracy, lambda one: one.before[1].accuracy),
    )
    lost = max(one.before[0].accuracy - one.after[0].accuracy for one in mine)
    verdicts, techniques = (_counted([getattr(one, what) for one in mine]) for what in ("verdict", "technique"))
    keeping = [loop for loop in loops if old["before"] - old[loop] <= LOST]
    rival = max((new[loop] for loop in keeping), default=0.0)
    best = float(np.mean([one.after[1].accuracy for one in mine])) >= rival - 0.01
    seconds = {loop: float(np.mean([one.naive[loop].seconds for one in shown])) for loop in loops}
    balanced = peers(lambda one: one.new.balanced, lambda one: one.before[1].balanced)
    goals = (f">= the best loop that forgets at most {LOST:g}, less 0.01", f">= before less {LOST:g}, every seed")
    told = f"CPU seconds ({mine[0].labels} labels; {techniques}; {verdicts})"
    return [
        spread("new domain, accuracy after", "", [one.after[1].accuracy for one in mine], goals[0], best, new),
        spread("new domain, balanced accuracy after", "", [one.after[1].balanced for one in mine], "", None, balanced),
        spread("old domain, accuracy after", "", [one.after[0].accuracy for one in mine], goals[1], lost <= LOST, old),
        spread(told, "s", [one.seconds for one in mine], "", None, seconds),
    ]


def _shown(job: tuple[str, int]) -> Shown:
    """A world, at once where an interrupted run of the same code came to its end."""
    name, seed = job
    torch.set_num_threads(1)
    world = WORLDS[name](seed)
    with tempfile.TemporaryDirectory(prefix="keepsight-bench-") as folder:
        house = House(Path(folder), world)
        champion = house.first(SIDE, seed, CACHE.resolve())
        sources = "".join(Path(str(module.__file__)).read_text() for module in (naive, worlds)).encode()
        key = hashlib.sha256(sources + champion.model).hexdigest()[:12]
        loops = {
            loop: _kept(f"{name} {seed} {loop} {key}", naive.Went, partial(run, world, champion, seed))
            for loop, run in naive.LOOPS.items()
        }
        mine = _kept(f"{name} {seed} ours {form.commit()}", Ours, partial(_judged, house, champion, world, seed))
    return Shown(mine, loops)


def _kept(what: str, kind: type[_Kept], make: Callable[[], _Kept]) -> _Kept:
    """What `make` gives, remembered in CACHE; nothing is while files are changed, as nobody could say of what code it is."""
    path = CACHE / f"{what.replace(' ', '-')}.json"
    if not path.exists():
        made = msgspec.json.encode(make())
        if what.endswith("+"):
            return msgspec.json.decode(made, type=kind)
        path.with_suffix(".part").write_bytes(made)
        path.with_suffix(".part").replace(path)
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _judged(house: House, champion: Version, world: World, seed: int) -> Ours:
    came = house.job("job", seed)
    model, manifest = (came.model, came.manifest) if came.manifest is not None else (champion.model, champion.manifest)
    before, after = (
        (marks(m, x, world.proof_old), marks(m, x, world.proof_new))
        for m, x in ((champion.model, champion.manifest), (model, manifest))
    )
    outcome = came.outcome
    open_gates = ", ".join(f"{gate.gate} {gate.verdict}" for gate in outcome.gates if gate.verdict != "pass")
    verdict = f"{outcome.verdict}{f' ({open_gates})' if open_gates else ''}"
    technique = next((row.technique for row in outcome.table if row.chosen), "head_only")
    if outcome.verdict != "packaged":
        sys.stderr.write(f"{world.name}, seed {seed}: {outcome.verdict}: {outcome.reason}\n")
    return Ours(before, after, len(world.met), came.seconds, verdict, technique)


def _counted(names: Sequence[str]) -> str:
    return "; ".join(f"{count} x {name}" if len(names) > 1 else name for name, count in Counter(names).most_common())
