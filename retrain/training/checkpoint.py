"""A run's state on disk, so that a killed run goes on as if it had not been: one safetensors file each, replaced whole, the two newest kept.

A file's name carries its digest. Writes are not forced to the disk: after a power cut the newest may be damaged, is recognised, and the one before is
taken.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from torch import Tensor

from contracts.errors import VersionError
from contracts.files import Folder, sha256
from retrain.models import weights as files
from retrain.training.curve import Point
from retrain.training.stopping import Best

FOLDER: Final = "checkpoint"
KEPT: Final = 2
_NAME: Final = re.compile(r"(\d{9})-([0-9a-f]{16})\.safetensors")


class Run(msgspec.Struct):
    """How far a run is: `step` batches of epoch `epoch` (from 0) are taken, `loss_sum` and `frames` are theirs. `best` is the best epoch's."""

    best: Best
    epoch: int = 0
    step: int = 0
    update: int = 0
    loss_sum: float = 0.0
    frames: int = 0
    seconds: float = 0.0
    peak_mib: float = 0.0
    curve: list[Point] = []
    scaler: dict[str, int | float] = {}


class _Note(msgspec.Struct, frozen=True):
    key: str
    run: Run


class Checkpoints:
    """The checkpoints of one run in a folder. Those of another `key` are none of ours."""

    def __init__(self, folder: Folder, key: str) -> None:
        self._folder, self._key = folder, key

    def write(self, run: Run, tensors: Mapping[str, Tensor]) -> None:
        """Keep the state and forget all but the newest two. Raises StoreError when it cannot be written."""
        content = files.encode(tensors, msgspec.to_builtins(_Note(self._key, run)))
        self._folder.write(f"{FOLDER}/{self._number():09d}-{sha256(content)[:16]}.safetensors", content, durable=False)
        for name in self._names()[:-KEPT]:
            self._folder.remove(f"{FOLDER}/{name}")

    def read(self) -> tuple[Run, dict[str, Tensor]] | None:
        """The newest state that is whole; None when there is none."""
        for name in reversed(self._names()):
            try:
                content = self._folder.read(f"{FOLDER}/{name}")
            except FileNotFoundError:
                continue
            if sha256(content)[:16] != name[10:26]:
                continue
            found = self._decoded(content, name)
            if found is not None:
                return found
        return None

    def _decoded(self, content: bytes, name: str) -> tuple[Run, dict[str, Tensor]] | None:
        try:
            tensors, note = files.decode(content, name)
            found = msgspec.convert(note, _Note)
        except (VersionError, msgspec.ValidationError):  # written by another release
            return None
        return (found.run, tensors) if found.key == self._key else None

    def _names(self) -> list[str]:
        return [name for name in self._folder.names(FOLDER) if _NAME.fullmatch(name)]

    def _number(self) -> int:
        names = self._names()
        return int(names[-1][:9]) + 1 if names else 0


def split(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """The tensors under `prefix/`, without it."""
    return {name.removeprefix(f"{prefix}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")}
