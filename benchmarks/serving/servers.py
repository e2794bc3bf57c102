"""The servers that are measured: each started as its own processes, asked until it answers what the bare job answers, and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final, Protocol

from benchmarks.serving.accounting import Tree
from benchmarks.serving.client import Order
from benchmarks.serving.environments import environment
from benchmarks.serving.material import ROOT, version_folder
from benchmarks.serving.peers.job import VERSION
from benchmarks.serving.peers.table import NAIVE, Peer
from tests.serving_process import ServingProcess

_STARTS_S: Final = 60.0
_ENDS_S: Final = 20.0
_PORTS: Final = 3
CAMERAS: Final = {f"cam-{number:02d}": {"site": "hall", "stream": ("items", "video")[number % 2]} for number in range(32)}


class NotStartedError(Exception):
    """A server did not answer as it should, and why."""


class Server(Protocol):
    """A running server."""

    @property
    def tree(self) -> Tree:
        """Its processes."""

    def order(self, frames: Sequence[bytes], connections: int, seconds: float, rate: float = 0.0) -> Order:
        """A load for it."""

    def stop(self) -> None:
        """End it."""


class Ours:
    """`python -m serving` with its default settings, but for `settings`, on a repository. `module` is what is started instead."""

    def __init__(self, repository: Path, module: str = "serving", log: str = "", **settings: Any) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="keepsight-bench-"))
        (model,) = (repository / "models").iterdir()
        self.process = ServingProcess(self.home, model.name, CAMERAS, **{"poll_interval_s": 0.5, "stop_delay_s": 0.5} | settings)
        self.process.module = module
        shutil.copytree(repository, self.process.repository)
        if log:
            self.process.log = log
        self.process.start()

    @property
    def tree(self) -> Tree:
        """Its processes."""
        return Tree(self.process.pid)

    def order(self, frames: Sequence[bytes], connections: int, seconds: float, rate: float = 0.0) -> Order:
        """A load of raw frames, a camera a connection."""
        paths = [f"/v1/frames?camera={camera}" for camera in CAMERAS]
        return Order(
            port=self.process.port,
            paths=paths,
            bodies=list(frames),
            headers={"content-type": "image/jpeg"},
            connections=connections,
            seconds=seconds,
            rate=rate,
        )

    def stop(self) -> None:
        """SIGTERM, and its folders are removed."""
        status = self.process.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        if status:
            raise NotStartedError(f"serving ended with status {status}")


class PeerProcess:
    """A peer on a version of a repository, with the job's probabilities of `frame` as the proof that it does the job."""

    def __init__(self, peer: Peer, repository: Path, frame: bytes, expected: Sequence[float]) -> None:
        self._peer, self._port = peer, _free_port()
        self.home = Path(tempfile.mkdtemp(prefix="keepsight-bench-peer-"))
        folder = environment(peer.environment)
        arguments = peer.command(self.home, self._port)
        command = arguments if arguments[0].startswith("/") else [str(folder / "bin" / "python"), *arguments]
        variables = {
            "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            VERSION: str(version_folder(repository)),
            "BENTOML_DO_NOT_TRACK": "True",
            "DO_NOT_TRACK": "1",
        }
        if peer.name != NAIVE:  # it has what ONNX Runtime does of itself
            variables["OMP_NUM_THREADS"] = "1"
        with (self.home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.home, env=variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            self._wait()
            self._check(frame, expected)
        except BaseException:
            self.stop()
            raise

    @property
    def tree(self) -> Tree:
        """Its processes."""
        return Tree(self._process.pid)

    def order(self, frames: Sequence[bytes], connections: int, seconds: float, rate: float = 0.0) -> Order:
        """A load of frames as the peer takes them."""
        return Order(
            port=self._port,
            paths=[self._peer.path],
            bodies=[self._peer.encode(frame) for frame in frames],
            headers=dict(self._peer.headers),
            connections=connections,
            seconds=seconds,
            rate=rate,
        )

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to what is left of its session after a while."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDS_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _wait(self) -> None:
        deadline, said = time.monotonic() + _STARTS_S, ""
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                status, _ = self._ask("GET", self._peer.ready)
                if status == 200:
                    return
                said = f"status {status}"
            except (OSError, HTTPException) as error:
                said = repr(error)
            time.sleep(0.05)
        raise NotStartedError(f"{self._peer.name} did not start ({said}): {self._last_words()}")

    def _check(self, frame: bytes, expected: Sequence[float]) -> None:
        status, body = self._ask("POST", self._peer.path, self._peer.encode(frame), self._peer.headers)
        if status != 200:
            raise NotStartedError(f"{self._peer.name} answered {status}: {body[:300]!r} {self._last_words()}")
        got = self._peer.answer(body)
        if len(got) != len(expected) or max(abs(a - b) for a, b in zip(got, expected, strict=True)) > _TOLERANCE:
            raise NotStartedError(f"{self._peer.name} answered {got}, the bare job says {expected}")

    def _last_words(self) -> str:
        return (self.home / "log").read_text(errors="replace").strip()[-600:]


_TOLERANCE: Final = 0.02
"""Another build of OpenCV may round a pixel otherwise."""


def _free_port() -> int:
    """The first of three free ports in a row: some peers take the next two for gRPC and metrics."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            try:
                for port in range(first + 1, first + _PORTS):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return int(first)
