"""Small pictures for tests of training: scikit-learn's digits as 16 x 16 RGB frames, and batches of them held in memory."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.frames import Pixels
from retrain.models.graph import SCORES
from retrain.models.network import Network
from retrain.training.course import Batch
from retrain.training.distributed import Place

LABELS = tuple("0123456789")
SIDE = 16


@cache
def pictures() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """1,797 frames [N, 16, 16, 3] and their digits, in a fixed random order."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.images))
    grey = np.kron(data.images[order] * (255 / 16), np.ones((2, 2))).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3), data.target[order].astype(np.int64)


def frames(count: int) -> list[Pixels]:
    """The first pictures, one by one."""
    return list(pictures()[0][:count])


class Held:
    """The first `count` pictures in batches of `size`, in an order that depends on the epoch alone. `before` is called before every batch."""

    def __init__(
        self, count: int, size: int, before: Callable[[int, int], None] = lambda epoch, step: None, where: Place | None = None
    ) -> None:
        self.stalled_s = 0.0
        self._count, self._size, self._before, self._where = count, size, before, where or Place(0, 1)

    def __len__(self) -> int:
        return -(-self._count // self._size)

    def epoch(self, number: int, skip: int = 0) -> Iterator[Batch]:
        images, truth = pictures()
        order = np.random.default_rng((1, number)).permutation(self._count)
        for step in range(skip, len(self)):
            self._before(number, step)
            mine = order[step * self._size : (step + 1) * self._size][self._where.rank :: self._where.world]
            yield Batch(torch.from_numpy(images[mine]), torch.from_numpy(truth[mine]), torch.ones(len(mine)))


def accuracy(first: int = 1400, last: int = 1600) -> Callable[[Network], float]:
    """Judges a network by its share of right answers on some of the pictures."""

    def judge(network: Network) -> float:
        images, truth = pictures()
        shown = torch.from_numpy(images[first:last]).to(next(network.parameters()).device)
        return float((network(shown)[SCORES].argmax(1).cpu().numpy() == truth[first:last]).mean())

    return judge
