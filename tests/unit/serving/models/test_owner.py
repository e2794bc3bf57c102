"""One thread a device: work that waits is run together, and everyone gets their own rows, or their own error."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from serving.models.owner import OwnedRunner, Owner

PATIENCE_S = 30


def _frames(*values: int) -> NDArray[np.uint8]:
    return np.stack([np.full((1, 1, 3), value, np.uint8) for value in values])


class Echo:
    """Answers each frame with its value; its first run waits until the test lets it."""

    provider, sizes, warm_up_runs = "echo", (1, 2, 4, 8), 1

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[str] = set()
        self.begun, self.go = threading.Event(), threading.Event()

    def run(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(len(frames))
        self.begun.set()
        assert self.go.wait(PATIENCE_S)
        values = frames[:, 0, 0, :1].astype(np.float32)
        return values, -values


def _waiting(owner: Owner, count: int) -> None:
    while len(owner._jobs) < count:
        threading.Event().wait(0.001)


def test_what_waits_for_a_version_is_run_together() -> None:
    owner, echo, other = Owner(0), Echo(), Echo()
    other.go.set()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(OwnedRunner(echo, owner).run, _frames(1))
        assert echo.begun.wait(PATIENCE_S)
        rest = []
        for number, (runner, values) in enumerate(
            [(echo, (2, 3)), (echo, (4,)), (echo, (5, 6, 7, 8, 9)), (echo, (10,)), (other, (11,))]
        ):
            rest.append(pool.submit(owner.run, runner, _frames(*values)))
            _waiting(owner, number + 1)
        echo.go.set()
        answers = [future.result(PATIENCE_S) for future in [first, *rest]]
    assert echo.batches == [1, 8, 1]  # 2 + 1 + 5 fill the largest batch; the next one begins another
    assert other.batches == [1]
    assert echo.threads == {"device-0"}
    assert [scores[:, 0].tolist() for scores, _ in answers] == [[1], [2, 3], [4], [5, 6, 7, 8, 9], [10], [11]]
    assert all(np.array_equal(scores, -embedding) for scores, embedding in answers)


def test_an_error_is_that_of_those_who_waited_for_it() -> None:
    class Broken(Echo):
        def run(self, frames: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            raise RuntimeError("out of memory")

    owner, echo = Owner(1), Echo()
    echo.go.set()
    with pytest.raises(RuntimeError, match="out of memory"):
        owner.run(Broken(), _frames(1))
    assert owner.run(echo, _frames(7))[0].tolist() == [[7]]
