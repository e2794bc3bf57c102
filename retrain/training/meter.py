"""What a run costs and how it goes: loss, speed, memory, and the share of time that it waited for frames."""

import re
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

_PROCESS: Final = Path("/proc/self")


class Meter:
    """Counts a run. The loss is summed where it is computed; reading it waits for the device, so it is read now and then only."""

    def __init__(self, device: torch.device, clock: Callable[[], float], seconds: float = 0.0) -> None:
        self._device, self._clock = device, clock
        self._since = clock() - seconds
        self._sum = torch.zeros((), dtype=torch.float64, device=device)
        self._frames = self._all_frames = 0
        _forget_peak(device)

    def start_epoch(self, loss_sum: float = 0.0, frames: int = 0) -> None:
        """Begin an epoch, or go on in one of which `frames` were seen."""
        self._sum.fill_(loss_sum)
        self._frames = frames

    def take(self, loss_sum: Tensor, frames: int) -> None:
        """Count a batch whose losses sum to `loss_sum`."""
        self._sum += loss_sum
        self._frames += frames
        self._all_frames += frames

    def epoch(self) -> tuple[float, int]:
        """The sum of this epoch's losses and its frames so far. Waits for the device."""
        return float(self._sum), self._frames

    def seconds(self) -> float:
        """Since the run began, earlier attempts included."""
        return self._clock() - self._since

    def frames_per_s(self, since: float) -> float:
        """Frames a second of this attempt, which began at `since` seconds of the run."""
        return self._all_frames / max(1e-9, self.seconds() - since)

    def peak_mib(self) -> float:
        """The most memory of this attempt so far: of the device where it has its own, else of the process."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        with suppress(OSError):
            if found := re.search(r"VmHWM:\s+(\d+) kB", (_PROCESS / "status").read_text()):
                return int(found[1]) / 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _forget_peak(device: torch.device) -> None:
    """What ran before in this process is none of the run's. Only Linux can forget it; elsewhere the peak is the process's."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")  # proc(5): resets VmHWM to what is resident now
