"""What runs a graph on prepared frames: on the CPU one frame at a time, on a device in fixed batches from buffers made beforehand.

On a CPU batches gain nothing (EfficientNet-lite0, one thread: 8.5 ms a frame alone, 9.6 in batches of 8) and cost memory (54 against 190 MiB); alone, a
frame's scores are the same bits whatever else waits. On a GPU every new shape costs a search for its convolutions, so batches are padded to a few sizes.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from contracts.manifest import Manifest
from serving.models.providers import NAMES

Floats = NDArray[np.float32]
Frames = NDArray[np.uint8]
Answers = tuple[Floats, Floats]
"""The graph's scores [n, K] or boxes [n, M, 6], and embedding [n, D]."""
_OUTSIDE_GRAPHS: Final = "-1"
"""The graph id under which CUDA captures nothing."""
_RUNS_TO_CAPTURE: Final = 3
"""A run that allocates, one that CUDA captures, one that replays."""


class Runner(Protocol):
    """Runs one version's graph. `sizes` are the batch sizes that it was made for; each needs `warm_up_runs` before it is as fast as it will be."""

    provider: str
    sizes: tuple[int, ...]
    warm_up_runs: int

    def run(self, frames: Frames) -> Answers:
        """Answers to frames uint8 [n, height, width, 3], n >= 1 and no larger bound."""


class PlainRunner:
    """One session on the CPU for all threads; each frame is a run of its own on the thread that asks."""

    def __init__(self, session: Any, manifest: Manifest) -> None:
        self.provider: str = session.get_providers()[0]
        self.sizes: tuple[int, ...] = (1,)
        self.warm_up_runs = 1
        self._session, self._input, self._outputs = session, manifest.input.name, [manifest.answers, manifest.embedding]

    def run(self, frames: Frames) -> Answers:
        """See Runner."""
        found = [self._session.run(self._outputs, {self._input: frames[i : i + 1]}) for i in range(len(frames))]
        scores, embedding = found[0] if len(found) == 1 else (np.concatenate([one[k] for one in found]) for k in (0, 1))
        return np.asarray(scores, np.float32), np.asarray(embedding, np.float32).reshape(len(frames), -1)


class BoundRunner:
    """One session on a device, its inputs and outputs bound to buffers there, a set for each of `buckets`. One thread at a time; with graphs, always the same.

    `place` is ONNX Runtime's name of the device ("cuda", or "cpu" in tests). With `graphs` each bucket is captured as one CUDA graph in its warm-up.
    """

    def __init__(
        self, session: Any, manifest: Manifest, buckets: Sequence[int], place: str, device: int = 0, graphs: bool = False
    ) -> None:
        self.provider: str = session.get_providers()[0]
        self._session, self._manifest, self._graphs = session, manifest, graphs
        self.sizes, self.warm_up_runs = tuple(buckets), _RUNS_TO_CAPTURE if graphs else 1
        one = self._one()
        self._lanes = {bucket: _Lane(session, manifest, bucket, one, place, device, graphs) for bucket in self.sizes}

    def run(self, frames: Frames) -> Answers:
        """See Runner."""
        most = self.sizes[-1]
        parts = [frames[at : at + most] for at in range(0, len(frames), most)]
        found = [self._lanes[fitting(len(part), self.sizes)].run(part) for part in parts]
        scores, embedding = (np.concatenate([one[k] for one in found]) for k in (0, 1))
        return scores, embedding.reshape(len(embedding), -1)

    def _one(self) -> dict[str, NDArray[Any]]:
        """The outputs for one frame: their shapes after the batch dimension, which a graph may leave open, and their types."""
        spec, names = self._manifest.input, [self._manifest.answers, self._manifest.embedding]
        options = ort.RunOptions()
        if self._graphs:
            options.add_run_config_entry("gpu_graph_id", _OUTSIDE_GRAPHS)
        found = self._session.run(names, {spec.name: np.zeros((1, spec.height, spec.width, 3), np.uint8)}, options)
        return dict(zip(names, found, strict=True))


class _Lane:
    """The buffers of one batch size: frames are copied to `_host`, from there to the device in one piece."""

    def __init__(
        self, session: Any, manifest: Manifest, bucket: int, one: dict[str, NDArray[Any]], place: str, device: int, graphs: bool
    ) -> None:
        spec = manifest.input
        self._session, self._binding, self._options = session, session.io_binding(), ort.RunOptions()
        shape = (bucket, spec.height, spec.width, 3)
        self._pinned = _pinned(shape) if place == "cuda" else None
        self._host: Frames = np.zeros(shape, np.uint8) if self._pinned is None else self._pinned.numpy()
        self._input = ort.OrtValue.ortvalue_from_shape_and_type(shape, np.uint8, place, device)
        self._binding.bind_ortvalue_input(spec.name, self._input)
        self._outputs = []
        for name, found in one.items():
            value = ort.OrtValue.ortvalue_from_shape_and_type((bucket, *found.shape[1:]), found.dtype.type, place, device)
            self._binding.bind_ortvalue_output(name, value)
            self._outputs.append(value)
        if graphs:
            self._options.add_run_config_entry("gpu_graph_id", str(bucket))

    def run(self, frames: Frames) -> Answers:
        """The outputs of at most `bucket` frames; the rest of the batch is black."""
        count = len(frames)
        self._host[:count] = frames
        self._host[count:] = 0
        self._input.update_inplace(self._host)
        self._session.run_with_iobinding(self._binding, self._options)
        scores, embedding = (
            np.array(value.numpy()[:count], np.float32) for value in self._outputs
        )  # a copy: the next run overwrites it
        return scores, embedding


def buckets_to(most: int) -> tuple[int, ...]:
    """The batch sizes 1, 2, 4, … up to and with `most`."""
    return (*(1 << power for power in range((most - 1).bit_length())), most)


def fitting(count: int, buckets: Sequence[int]) -> int:
    """The smallest bucket that holds `count` frames."""
    return next(bucket for bucket in buckets if bucket >= count)


def _pinned(shape: tuple[int, ...]) -> Any:
    """Page-locked host memory, which copies to the device faster; None where ONNX Runtime offers none."""
    for one in ort.get_ep_devices():
        memory = one.memory_info(ort.OrtDeviceMemoryType.HOST_ACCESSIBLE) if one.ep_name == NAMES["cuda"] else None
        if memory is not None:
            return ort.OrtValue.ortvalue_from_shape_and_type(shape, np.uint8, memory_info=memory)
    return None
