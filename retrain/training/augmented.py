"""The augmentation of a retraining: the declared pipeline with what matches the measured drift in its place, and where it runs."""

from collections.abc import Callable
from typing import Final

import numpy as np
import torch

from contracts.frames import Pixels, see
from retrain.augment.device import choose
from retrain.augment.matched import FRAMES, matched
from retrain.augment.spec import MATCHED, OperationSpec, PipelineSpec, filled
from retrain.data.material import Material
from retrain.models.network import Network

_TIMED: Final = 3


def for_drift(spec: PipelineSpec, material: Material) -> PipelineSpec:
    """The pipeline with operations that bring the old frames to learn from to where the new ones are: none where one of the two is missing."""
    if not any(isinstance(entry, OperationSpec) and entry.name == MATCHED for entry in spec.operations):
        return spec
    learning = material.learning()
    old, new = np.flatnonzero(learning & ~material.new), np.flatnonzero(learning & material.new)
    if len(old) < 2 or not len(new):
        return filled(spec, ())
    shown = old[np.linspace(0, len(old) - 1, min(FRAMES, len(old))).astype(int)]
    frames = [see(material.frames[row], material.session.spec) for row in shown.tolist()]
    return filled(spec, matched(frames, material.seen.statistics[old], material.seen.statistics[new]))


def place_of(
    spec: PipelineSpec, network: Network, frames: Pixels, device: torch.device, workers: int, clock: Callable[[], float]
) -> bool:
    """Whether to augment on the device: where there is an accelerator, what holds a step up less. Raises SettingsError as `choose` does."""
    accelerator = device if device.type == "cuda" else None
    step_ms = _step_ms(network, frames, device, clock) if accelerator else 0.0
    return choose(spec, list(frames), clock, step_ms=step_ms, workers=workers, accelerator=accelerator).device == "gpu"


def _step_ms(network: Network, frames: Pixels, device: torch.device, clock: Callable[[], float]) -> float:
    """Milliseconds a frame of a training step, taken for three forward passes: the backward one costs about two."""
    image = torch.from_numpy(np.array(frames)).to(device)
    with torch.no_grad():
        network(image)
        torch.cuda.synchronize(device)
        began = clock()
        for _ in range(_TIMED):
            network(image)
        torch.cuda.synchronize(device)
    return (clock() - began) * 1e3 * 3 / (_TIMED * len(frames))
