"""Weights at rest: named tensors and one JSON note in a safetensors file. Training reads and writes no pickle."""

import json
from collections.abc import Mapping
from typing import Any, Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from contracts.errors import VersionError

_NOTE: Final = "keepsight"
"""The one key of the file's metadata: with several their order, and so the bytes, would change from run to run."""


def encode(tensors: Mapping[str, Tensor], note: Mapping[str, Any] | None = None) -> bytes:
    """The bytes of a file with `tensors` and `note`: the same tensors, the same bytes."""
    at_rest = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(at_rest, None if note is None else {_NOTE: json.dumps(note, sort_keys=True, allow_nan=False)})


def decode(content: bytes, where: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and note ({} where there is none, as in files of other programs). Raises VersionError naming `where`."""
    try:
        tensors = safetensors.torch.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        note = json.loads(header.get("__metadata__", {}).get(_NOTE, "{}"))
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise VersionError(f"{where} is not a safetensors file that can be read: {error}") from error
    if not isinstance(note, dict):
        raise VersionError(f"{where}: the note {_NOTE!r} is {type(note).__name__}, expected an object")
    return tensors, note


def fill(network: nn.Module, tensors: Mapping[str, Tensor], where: str, fresh: frozenset[str] = frozenset()) -> None:
    """Put `tensors` into `network`, all of them, all of its own. Those named in `fresh` stay as they are where the file has none of that shape.

    Raises VersionError naming the first tensor that is missing, unknown, of another shape or not finite.
    """
    wanted = network.state_dict()
    taken = {name: tensor for name, tensor in tensors.items() if name not in fresh or _fits(tensor, wanted.get(name))}
    for name in sorted(wanted.keys() - fresh - taken.keys()):
        raise VersionError(f"{where} has no tensor {name!r} {_shape(wanted[name])}: it holds the weights of another network")
    for name, tensor in sorted(taken.items()):
        if name not in wanted:
            raise VersionError(f"{where} has a tensor {name!r} {_shape(tensor)} that the network has not")
        if not _fits(tensor, wanted[name]):
            raise VersionError(f"{where}: {name!r} is {_shape(tensor)}, the network's is {_shape(wanted[name])}")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise VersionError(f"{where}: {name!r} holds values that are not finite")
    network.load_state_dict({**wanted, **taken})


def _fits(tensor: Tensor, wanted: Tensor | None) -> bool:
    return wanted is not None and tensor.shape == wanted.shape and tensor.is_floating_point() == wanted.is_floating_point()


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
