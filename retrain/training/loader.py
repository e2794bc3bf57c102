"""Batches for the training loop: dealt anew each epoch, augmented on threads or on the device, a few made ahead, and the time the loop waited counted.

Which frames a batch has and how each is changed follow from the seed, the epoch and the frame alone: the number of workers, the device of the
augmentation and a restart in the middle of an epoch change none. Threads suffice as workers, since OpenCV works without the interpreter's lock.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.frames import Pixels
from retrain.augment.pipeline import Sample, index, pipeline
from retrain.augment.spec import PipelineSpec
from retrain.augment.twin import Boxes, twin
from retrain.training.course import Batch

RESERVE: Final = 2
"""Batches made ahead beside those that the workers are at: they level out that one takes longer than another."""
_DEALS: Final = 1 << 63
"""Sets the draws that deal an epoch apart from those that augment its frames."""
_NOTHING: Final[Boxes] = np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """N frames to learn from: `image` [N, H, W, 3] (`prepared` maps it from a file), `truth` classes [N] or boxes with classes for each, `weight` [N]."""

    image: Pixels
    truth: NDArray[np.int64] | Sequence[Boxes]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.weight)


class Loader:
    """Batches of `learnt`, each frame once an epoch; batches differ by one frame at most, so that none is a small remainder.

    Of `world` trainers that share every batch this is number `rank`. `workers` threads make batches ahead; with 0 the loop makes its own. On a CUDA
    `device` batches come through pinned memory; `on_device` augments there.
    """

    def __init__(
        self,
        learnt: Learnt,
        batch: int,
        spec: PipelineSpec,
        clock: Callable[[], float],
        *,
        seed: int = 0,
        workers: int = 1,
        rank: int = 0,
        world: int = 1,
        device: torch.device | None = None,
        on_device: bool = False,
    ) -> None:
        self._learnt = learnt
        self._batches = -(-len(learnt) // batch)
        if len(learnt) // max(1, self._batches) < world:
            raise ValueError(f"{len(learnt)} frames in batches of {batch} cannot be shared by {world} trainers")
        self._clock = clock
        self._seed = seed
        self._workers = workers
        self._rank, self._world = rank, world
        self._device = device or torch.device("cpu")
        self._pinned = self._device.type == "cuda"
        self._augmented = None if on_device else pipeline(spec)
        self._twin = twin(spec) if on_device else None
        self.stalled_s = 0.0
        """Seconds that the loop waited for frames, since the loader was made."""

    def __len__(self) -> int:
        return self._batches

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, less the first `skip`."""
        random = np.random.Generator(np.random.Philox(key=np.array([self._seed, _DEALS | number], dtype=np.uint64)))
        order = random.permutation(len(self._learnt))
        shares = [rows[self._rank :: self._world] for rows in np.array_split(order, self._batches)[skip:]]
        with closing(self._ahead(number, shares)) as ahead:
            for made in ahead:
                began = self._clock()
                host = made()
                self.stalled_s += self._clock() - began
                yield self._on_device(*host)

    def _ahead(self, number: int, shares: list[NDArray[np.int64]]) -> Generator[Callable[[], "_Host"], None, None]:
        """For each share a call that gives its frames; what is begun and not fetched when the loop breaks off is dropped."""
        if not self._workers:
            yield from ((lambda rows=rows: self._make(number, rows)) for rows in shares)
            return
        pool, waiting, left = ThreadPoolExecutor(self._workers, "loader"), deque[Future[_Host]](), iter(shares)
        try:
            waiting.extend(pool.submit(self._make, number, rows) for rows in islice(left, self._workers + RESERVE))
            while waiting:
                following = waiting.popleft()
                waiting.extend(pool.submit(self._make, number, rows) for rows in islice(left, 1))
                yield following.result
        finally:
            pool.shutdown(cancel_futures=True)

    def _make(self, number: int, rows: NDArray[np.int64]) -> "_Host":
        """The frames of these rows on the host, augmented unless the device does that."""
        learnt = self._learnt
        frames = torch.empty((len(rows), *learnt.image.shape[1:]), dtype=torch.uint8, pin_memory=self._pinned)
        into, boxes = frames.numpy(), []
        for place, row in enumerate(rows):
            sample = Sample(learnt.image[row], *(_NOTHING if isinstance(learnt.truth, np.ndarray) else learnt.truth[row]))
            if self._augmented:
                sample = self._augmented(sample, index(number, int(row)))
            into[place] = sample.image
            boxes.append((sample.boxes, sample.classes))
        return frames, boxes, rows, number

    def _on_device(self, frames: torch.Tensor, boxes: list[Boxes], rows: NDArray[np.int64], number: int) -> Batch:
        image = frames.to(self._device, non_blocking=True)
        classes = self._learnt.truth[rows] if isinstance(self._learnt.truth, np.ndarray) else None
        if self._twin:
            image, boxes = self._twin(image, boxes, [index(number, int(row)) for row in rows])
        if classes is not None:
            truth: torch.Tensor | list[torch.Tensor] = torch.from_numpy(classes).to(self._device)
        else:
            truth = [
                torch.from_numpy(np.column_stack([corners, kinds]).astype(np.float32)).to(self._device) for corners, kinds in boxes
            ]
        return Batch(image, truth, torch.from_numpy(self._learnt.weight[rows]).to(self._device))


_Host = tuple[torch.Tensor, list[Boxes], NDArray[np.int64], int]
