"""One network trained by several processes (torchrun): who we are among them, the gradient shared, figures agreed on.

Every process takes its share of each batch; gradients are averaged in the backward pass. A single process is the case of one. Run with gloo on one
host's CPUs; NCCL and GPUs are written but have not been run.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any, Final, NamedTuple

import torch
import torch.distributed
from torch import nn
from torch.nn.parallel import DistributedDataParallel

SILENT: Final = timedelta(minutes=10)
"""How long the others wait for one: judging on the first process's share of the time is the longest that is usual."""


class Place(NamedTuple):
    """Our number among the processes that train together; 0 says, judges and writes for all."""

    rank: int
    world: int

    @property
    def first(self) -> bool:
        """Whether we speak for all."""
        return self.rank == 0


def place() -> Place:
    """Where this process stands; alone where `joined` was not entered."""
    if not torch.distributed.is_initialized():
        return Place(0, 1)
    return Place(torch.distributed.get_rank(), torch.distributed.get_world_size())


@contextmanager
def joined(environment: Mapping[str, str] = os.environ, device: str = "cpu") -> Iterator[Place]:
    """Train together with the processes that torchrun started beside us, as its variables say; alone without them. `device` is `cpu` or `cuda`."""
    if int(environment.get("WORLD_SIZE", "1")) == 1:
        yield Place(0, 1)
        return
    if device == "cuda":
        torch.cuda.set_device(int(environment["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=SILENT)
    try:
        yield place()
    finally:
        torch.distributed.destroy_process_group()


def shared(network: nn.Module, where: Place) -> nn.Module:
    """`network` with its gradients averaged over all processes; itself when alone."""
    return DistributedDataParallel(network) if where.world > 1 else network


def quiet(network: nn.Module, until: bool) -> Any:
    """The context of a backward pass whose gradient is not shared yet, because more of it follows."""
    return nullcontext() if until or not isinstance(network, DistributedDataParallel) else network.no_sync()


def mean(value: float, where: Place) -> float:
    """The mean of the processes' values, the same everywhere."""
    return _sum(value, where) / where.world


def said(value: float, where: Place) -> float:
    """The first process's value, everywhere."""
    return _sum(value if where.first else 0.0, where)


def _sum(value: float, where: Place) -> float:
    if where.world == 1:
        return value
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    held = torch.tensor(value, dtype=torch.float64, device=device)
    torch.distributed.all_reduce(held)
    return float(held)
