"""Batches for the training loop: dealt anew each epoch, augmented on threads or on the device, a few made ahead, and the time the loop waited counted.

Which frames a batch has and how each is changed follow from the seed, the epoch and the frame alone: the number of workers, the device of the
augmentation and a restart in the middle of an epoch change none. Threads suffice as workers, since OpenCV works without the interpreter's lock.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

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
_Rows = NDArray[np.int64]
_Made = tuple[torch.Tensor, list[Boxes]]
_NOTHING: Final[Boxes] = np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """N frames to learn from: `image` uint8 [N, H, W, 3] (`prepared` maps it from a file), `truth` classes [N] or boxes with their classes for each frame
    (in pixels of `image`), `weight` [N], 1 on average."""

    image: Pixels
    truth: NDArray[np.int64] | Sequence[Boxes]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.weight)

    def sample(self, row: int) -> Sample:
        """A frame with its boxes; a classifier's has none."""
        return Sample(self.image[row], *(_NOTHING if isinstance(self.truth, np.ndarray) else self.truth[row]))


class Loader:
    """Batches of `frames`, each frame once an epoch; batches differ by one frame at most, so that none is a small remainder.

    Of `world` trainers that share every batch this is number `rank`. `workers` threads make batches ahead; with 0 the loop makes its own. On a CUDA
    `device` batches come through pinned memory; `on_device` augments there. Raises ValueError where a trainer would go without, SettingsError for `spec`.
    """

    def __init__(
        self,
        frames: TrainingSet,
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
        self._frames = frames
        self._batches = -(-len(frames) // batch)
        if len(frames) // max(1, self._batches) < world:
            raise ValueError(f"{len(frames)} frames in batches of {batch} cannot be shared by {world} trainers")
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
        batches = np.array_split(random.permutation(len(self._frames)), self._batches)[skip:]
        shares = [rows[self._rank :: self._world] for rows in batches]
        with closing(self._ahead(number, shares)) as ahead:
            for rows, made in zip(shares, ahead, strict=True):
                began = self._clock()
                host = made()
                self.stalled_s += self._clock() - began
                yield self._batch(number, rows, *host)

    def _ahead(self, number: int, shares: Sequence[_Rows]) -> Generator[Callable[[], _Made], None, None]:
        """For each share a call that gives its frames; what is begun and not fetched when the loop breaks off is dropped."""
        if not self._workers:
            yield from (partial(self._make, number, rows) for rows in shares)
            return
        pool, waiting, left = ThreadPoolExecutor(self._workers, "loader"), deque[Future[_Made]](), iter(shares)
        try:
            waiting.extend(pool.submit(self._make, number, rows) for rows in islice(left, self._workers + RESERVE))
            while waiting:
                following = waiting.popleft()
                waiting.extend(pool.submit(self._make, number, rows) for rows in islice(left, 1))
                yield following.result
        finally:
            pool.shutdown(cancel_futures=True)

    def _make(self, number: int, rows: _Rows) -> _Made:
        """The frames of these rows on the host, augmented unless the device does that."""
        image = torch.empty((len(rows), *self._frames.image.shape[1:]), dtype=torch.uint8, pin_memory=self._pinned)
        into, boxes = image.numpy(), []
        for place, row in enumerate(rows.tolist()):
            sample = self._frames.sample(row)
            if self._augmented:
                sample = self._augmented(sample, index(number, row))
            into[place] = sample.image
            boxes.append((sample.boxes, sample.classes))
        return image, boxes

    def _batch(self, number: int, rows: _Rows, image_NHWC: torch.Tensor, boxes: list[Boxes]) -> Batch:
        """On the device, augmented there where that was chosen."""
        image_NHWC = image_NHWC.to(self._device, non_blocking=True)
        if self._twin:
            image_NHWC, boxes = self._twin(image_NHWC, boxes, [index(number, row) for row in rows.tolist()])
        known = self._frames.truth
        truth: torch.Tensor | list[torch.Tensor]
        if isinstance(known, np.ndarray):
            truth = self._there(known[rows])
        else:
            truth = [self._there(np.column_stack([corners, classes]).astype(np.float32)) for corners, classes in boxes]
        return Batch(image_NHWC, truth, self._there(self._frames.weight[rows]))

    def _there(self, values: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(values).to(self._device)
