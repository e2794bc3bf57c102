"""How fast each part of a network learns, and when: cosine with warm-up over the run, lower rates towards the input."""

import math
from typing import Any, Final

from torch import nn

from retrain.models.network import Network

PEAK: Final = "peak"
"""In a parameter group of the optimiser: its rate before the schedule's factor."""


def factor(update: int, updates: int, warmup: float) -> float:
    """The share of the peak rate at `update` (from 0) of `updates`: linear over the first `warmup` of them, then a half cosine to 0.

    Warm-up: Goyal et al. 2017, section 2.2. Cosine: Loshchilov and Hutter 2017 (SGDR), equation 5 without restarts.
    """
    rising = math.ceil(warmup * updates)
    if update < rising:
        return (update + 1) / rising
    return 0.5 * (1.0 + math.cos(math.pi * (update - rising) / max(1, updates - rising)))


def of_stages(rate: float, layer_decay: float, stages: int) -> tuple[float, ...]:
    """Each stage's peak rate, input first: the last learns at `rate`, each before it `layer_decay` times as fast (Howard and Ruder 2018, section 3.2)."""
    return tuple(rate * layer_decay ** (stages - 1 - stage) for stage in range(stages))


def groups(network: Network, rate: float, layer_decay: float, decay: float) -> list[dict[str, Any]]:
    """The optimiser's parameter groups. Weight decay acts on matrices and kernels, never on biases and the scales of normalisation."""
    found = []
    stages = network.stages()
    for peak, stage in zip(of_stages(rate, layer_decay, len(stages)), stages, strict=True):
        for flat in (False, True):
            weights: list[nn.Parameter] = [weight for weight in stage if (weight.ndim <= 1) is flat]
            if weights:
                found.append({"params": weights, "lr": peak, PEAK: peak, "weight_decay": 0.0 if flat else decay})
    return found
