"""Whether the statistics of batch normalisation, taken anew from frames after a change and no label at all, mend a first version: why there is no such step.

The network behind the first version sees the met photographs once; each layer's mean and variance become a mix of its own and of what it saw
(Schneider et al., Improving robustness against common corruptions by covariate shift adaptation, 2020). Head and weights stay.
"""

import copy
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.form import Figure
from benchmarks.retrain import naive
from benchmarks.retrain.ours import CACHE, House, Marks, right
from benchmarks.retrain.scenarios import SEEDS, SIDE
from benchmarks.retrain.worlds import WORLDS, Photo, World
from contracts.manifest import InputSpec
from retrain.models.network import Classifier

PART: Final = "norm"
WORLDS_OF_INPUT: Final = ("darkening", "blur", "mono to poly")
SHARES: Final = (0.1, 0.3, 1.0)
"""Of the new statistics in the mix."""
CAVEATS: Final = (
    "norm: networks see 96 pixels; the interval is the spread over seeds; a share of 1 forgets the first version's statistics.",
)


def figures(quick: bool) -> list[Figure]:
    """Each world of changed frames, at each share; with `quick`, one seed."""
    torch.set_num_threads(1)
    CACHE.mkdir(parents=True, exist_ok=True)
    return [
        figure
        for name in WORLDS_OF_INPUT
        for figure in _told(name, [_marked(name, seed) for seed in SEEDS[: 1 if quick else None]])
    ]


def _told(name: str, seeds: Sequence[dict[float, tuple[Marks, Marks]]]) -> list[Figure]:
    """By share of the new statistics; 0 is the first version as it is."""
    shown = []
    for domain, which in enumerate(("old", "new")):
        before = float(np.mean([one[0.0][domain].accuracy for one in seeds]))
        for share in SHARES:
            values = [one[share][domain].accuracy for one in seeds]
            what = f"{name}: {which} domain, accuracy with {share:.0%} new statistics"
            shown.append(Figure(PART, what, "", float(np.mean(values)), min(values), max(values), peers={"as it is": before}))
    return shown


def _marked(name: str, seed: int) -> dict[float, tuple[Marks, Marks]]:
    world = WORLDS[name](seed)
    with tempfile.TemporaryDirectory(prefix="keepsight-bench-") as folder:
        champion = House(Path(folder), world).first(SIDE, seed, CACHE.resolve())
    spec = champion.manifest.input
    network, head = naive.network_of(spec, world.known()), naive.head_of(champion)
    network.put_head(head.weight.copy(), head.bias.copy())
    return {share: _proved(_seen(network, world.met, spec, share), world, spec) for share in (0.0, *SHARES)}


def _proved(network: Classifier, world: World, spec: InputSpec) -> tuple[Marks, Marks]:
    def marks(proof: Sequence[Photo]) -> Marks:
        return right([world.known()[k] for k in naive.said(network, proof, spec)], proof)

    return marks(world.proof_old), marks(world.proof_new)


def _seen(network: Classifier, photos: Sequence[Photo], spec: InputSpec, share: float) -> Classifier:
    """A copy whose layers took a share of their statistics from the photographs."""
    other = copy.deepcopy(network)
    if share == 0:
        return other
    layers = [
        (new, old) for new, old in zip(other.modules(), network.modules(), strict=True) if isinstance(new, torch.nn.BatchNorm2d)
    ]
    for new, _ in layers:
        new.reset_running_stats()
        new.momentum = None  # the plain mean over all batches
        new.train()
    with torch.no_grad():
        for batch in torch.split(naive.prepared(photos, spec), naive.BATCH):
            other(batch)
        for new, old in layers:
            before = old.state_dict()
            for name in ("running_mean", "running_var"):
                new.state_dict()[name].mul_(share).add_(before[name], alpha=1 - share)
    return other.eval()
