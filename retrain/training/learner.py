"""One update of a network's weights: forward, backward, clipping, AdamW; with mixed precision and accumulation."""

import hashlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import torch
from torch import Tensor, nn

from retrain.models.network import Network
from retrain.training import distributed, rates
from retrain.training.course import Batch, Course, Precision

CLIP: Final = 1.0
"""The longest gradient, in Euclidean norm: a batch that fits badly moves the weights no further than others."""
_TYPES: Final = {"bf16": torch.bfloat16, "fp16": torch.float16}


def precision(device: torch.device) -> Precision:
    """What to train in: bfloat16 on GPUs that have it, float16 on others, float32 on a CPU. The weights themselves are always float32."""
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


class Learner:
    """Network, optimiser and scaler of a run of `updates` updates."""

    def __init__(self, network: Network, course: Course, updates: int) -> None:
        self.network, self._course, self._updates = network, course, updates
        self.place = distributed.place()
        self.device = next(network.parameters()).device
        if course.precision == "fp16" and self.device.type != "cuda":
            raise ValueError(f"precision is fp16 on {self.device.type}, where only fp32 and bf16 can be trained in")
        self._weights = list(network.parameters())
        self._optimiser = torch.optim.AdamW(rates.groups(network, course.rate, course.layer_decay, course.decay), fused=True)
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=course.precision == "fp16")
        self._model = distributed.shared(network, self.place)
        self._share = course.batch * course.accumulate / self.place.world

    def ready(self) -> None:
        """Training mode; with `freeze_norm` the statistics of batch normalisation stay as they are."""
        self.network.train()
        if self._course.freeze_norm:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def take(self, batch: Batch, stream: tuple[int, ...], last: bool, update: int) -> tuple[Tensor, int]:
        """Add a batch's gradient, and where it is the `last` of its update, move the weights. Returns the sum of its losses and its frames.

        What is drawn at random (dropout) depends on `stream` and the process alone. Every frame counts the same in an update, whatever its batch.
        """
        torch.manual_seed(_seed(self._course.seed, *stream, self.place.rank))
        image_NHWC = batch.image.to(self.device, non_blocking=True)
        truth = (
            batch.truth.to(self.device, non_blocking=True)
            if isinstance(batch.truth, Tensor)
            else [one.to(self.device, non_blocking=True) for one in batch.truth]
        )
        with distributed.quiet(self._model, last):
            with self._cast():
                loss_N = self.network.loss(self._model(image_NHWC), truth)
            loss = (loss_N * batch.weight.to(self.device, non_blocking=True)).sum()
            self._scaler.scale(loss / self._share).backward()  # type: ignore[no-untyped-call]  # torch's own signature
        if last:
            self._move(update)
        return loss.detach(), len(image_NHWC)

    def rate(self, update: int) -> float:
        """The last stage's rate at an update."""
        return self._course.rate * rates.factor(update, self._updates, self._course.warmup)

    def state(self) -> tuple[dict[str, Tensor], dict[str, int | float]]:
        """Weights and the optimiser's memory as tensors, the scaler's as numbers. Only between updates."""
        tensors = {f"network/{name}": tensor for name, tensor in self.network.state_dict().items()}
        for number, memory in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{number}/{name}": tensor for name, tensor in memory.items()}
        return tensors, self._scaler.state_dict()

    def restore(self, tensors: dict[str, Tensor], scaler: dict[str, int | float]) -> None:
        """Go on from what `state` gave."""
        memory: dict[int, dict[str, Tensor]] = {}
        weights: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            if part == "network":
                weights[rest] = tensor
            elif part == "optimiser":
                number, _, key = rest.partition("/")
                memory.setdefault(int(number), {})[key] = tensor
        self.network.load_state_dict(weights)
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": memory})
        if scaler:
            self._scaler.load_state_dict(dict(scaler))

    def _move(self, update: int) -> None:
        self._scaler.unscale_(self._optimiser)
        nn.utils.clip_grad_norm_(self._weights, CLIP)
        factor = rates.factor(update, self._updates, self._course.warmup)
        for group in self._optimiser.param_groups:
            group["lr"] = group[rates.PEAK] * factor
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self._optimiser.zero_grad(set_to_none=True)

    def _cast(self) -> AbstractContextManager[Any]:
        if self._course.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=_TYPES[self._course.precision])


def _seed(*numbers: int) -> int:
    """A seed for torch from several numbers: neighbours give streams that have nothing in common."""
    return int.from_bytes(hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest(), "little") >> 1
