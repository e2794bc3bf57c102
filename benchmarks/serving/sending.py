"""Runs a load in a process of its own and accounts for it: what the client saw, and what the server's processes took meanwhile."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec
import numpy as np

from benchmarks.serving.accounting import Tree
from benchmarks.serving.client import Answer, Order, Seen
from benchmarks.serving.material import ROOT
from benchmarks.serving.servers import Server


@dataclass(frozen=True, slots=True)
class Outcome:
    """A load and what it took. `server_cpu_s` of all the server's processes, `seconds` as ordered, `began` on the monotonic clock."""

    seen: Seen
    seconds: float
    server_cpu_s: float
    rss_mib: float
    pss_mib: float

    @property
    def good(self) -> list[Answer]:
        """The answers with status 200."""
        return [answer for answer in self.seen.answers if answer.status == 200]

    @property
    def failed(self) -> int:
        """Answers with another status, requests without an answer, and connections that were not taken."""
        return len(self.seen.answers) - len(self.good) + self.seen.broken + self.seen.refused

    @property
    def rate(self) -> float:
        """Frames answered a second, within the ordered time."""
        return sum(answer.at_s + answer.took_s <= self.seconds for answer in self.good) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds of the server for an answered frame."""
        return 1000 * self.server_cpu_s / max(1, len(self.good))

    @property
    def client_cpu_ms(self) -> float:
        """CPU milliseconds of the client for an answer."""
        return 1000 * self.seen.cpu_s / max(1, len(self.seen.answers))

    @property
    def total_cpu_ms(self) -> float:
        """CPU milliseconds of server and client for an answered frame."""
        return self.cpu_ms + 1000 * self.seen.cpu_s / max(1, len(self.good))

    def latency_ms(self, percentile: float) -> float:
        """A percentile of the answered frames' latencies."""
        return latency_ms(self.good, percentile)


def latency_ms(answers: Sequence[Answer], percentile: float) -> float:
    """A percentile of latencies in milliseconds; NaN of none."""
    return 1000 * float(np.percentile([answer.took_s for answer in answers], percentile)) if answers else float("nan")


class Sending:
    """A load under way: `with Sending(order, tree) as sending: …`, and `sending.outcome` after it."""

    def __init__(self, order: Order, tree: Tree) -> None:
        self._order, self._tree = order, tree
        self._folder = tempfile.TemporaryDirectory(prefix="keepsight-bench-order-")
        self.outcome: Outcome

    def __enter__(self) -> "Sending":
        file = Path(self._folder.name) / "order"
        file.write_bytes(msgspec.msgpack.encode(self._order))
        command = [sys.executable, "-m", "benchmarks.serving.client", str(file)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the client did not start")
        self._cpu_before_s = self._tree.cpu_s()
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        self.began = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._process.kill()
        said, _ = self._process.communicate()
        self._folder.cleanup()
        if error is None:
            if self._process.returncode:
                raise RuntimeError(f"the client ended with status {self._process.returncode}")
            seen = msgspec.msgpack.decode(said, type=Seen)
            self.outcome = Outcome(
                seen,
                self._order.seconds,
                self._tree.cpu_s() - self._cpu_before_s,
                self._tree.rss_mib(),
                self._tree.pss_mib(),
            )


def sent(server: Server, frames: Sequence[bytes], connections: int, seconds: float, rate: float = 0.0) -> Outcome:
    """Send a load to its end."""
    with Sending(server.order(frames, connections, seconds, rate), server.tree) as sending:
        pass
    return sending.outcome


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Stop a server at the end."""
    try:
        yield server
    finally:
        server.stop()
