"""The servers that are measured: each started as its own processes, asked until it answers what the bare job answers, and stopped."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.serving.accounting import Tree
from benchmarks.serving.client import Order
from benchmarks.serving.environments import environment
from benchmarks.serving.material import ROOT, version_folder
from benchmarks.serving.peers.job import VERSION
from tests.serving_process import ServingProcess

_STARTS_S: Final = 60.0
_ENDS_S: Final = 20.0
_PORT_FREE: Final = 3
"""Ports in a row that a peer may take: HTTP, gRPC, metrics."""
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


@dataclass(frozen=True)
class Peer:
    """How a peer is started and asked. `command` gives its arguments after the environment's python from its folder and port."""

    name: str
    environment: str
    command: Callable[[Path, int], list[str]]
    ready: str
    path: str
    encode: Callable[[bytes], bytes] = bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "image/jpeg"})
    answer: Callable[[bytes], list[float]] = lambda body: list(json.loads(body).values())
    """The probabilities in an answer's body."""


def _script(name: str) -> Callable[[Path, int], list[str]]:
    return lambda _home, port: ["-m", f"benchmarks.serving.peers.{name}", str(port)]


def _upload(content: bytes) -> bytes:
    head = b'--frame\r\nContent-Disposition: form-data; name="image"; filename="f.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head + content + b"\r\n--frame--\r\n"


def _base64(content: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(content).decode()}).encode()


def _v2_base64(content: bytes) -> bytes:
    data = [base64.b64encode(content).decode()]
    one = {"name": "image", "shape": [1, 1], "datatype": "BYTES", "parameters": {"content_type": "base64"}, "data": data}
    return json.dumps({"inputs": [one]}).encode()


def _v2_probabilities(body: bytes) -> list[float]:
    """Of an answer in JSON, or in JSON with the tensor in bytes behind it."""
    said, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
    data = said["outputs"][0].get("data", np.frombuffer(body[end:], np.float32))
    return [float(value) for value in data]


def _bentoml(_: Path, port: int) -> list[str]:
    where = "benchmarks.serving.peers.bentoml_service:Classifier"
    return ["-m", "bentoml", "serve", where, "--port", str(port), "--host", "127.0.0.1", "--working-dir", str(ROOT)]


def _triton(home: Path, port: int) -> list[str]:
    """Triton's own server out of PyTriton's wheel; the Python backend needs its stub for this Python beside it."""
    folder = environment("pytriton")
    (server,) = folder.glob("lib/python*/site-packages/pytriton/tritonserver")
    stub = server / "backends" / "python" / "triton_python_backend_stub"
    if not stub.exists():
        stub.symlink_to(next((server / "python_backend_stubs").glob(f"3.11/{stub.name}")))
    model = home / "models" / "classifier" / "1"
    model.mkdir(parents=True)
    sources = Path(__file__).parent / "peers"
    shutil.copy(sources / "triton_model.py", model / "model.py")
    shutil.copy(sources / "triton_config.pbtxt", model.parent / "config.pbtxt")
    return [
        str(server / "bin" / "tritonserver"),
        f"--model-repository={home / 'models'}",
        f"--backend-directory={server / 'backends'}",
        f"--http-port={port}",
        "--http-address=127.0.0.1",
        "--allow-grpc=false",
        "--allow-metrics=false",
    ]


_JSON: Final = {"content-type": "application/json"}
_BINARY: Final = {"content-type": "application/octet-stream", "inference-header-content-length": "0"}
_V2: Final = "/v2/models/classifier/infer"
_READY: Final = "/v2/models/classifier/ready"
PEERS: Final = (
    Peer(
        "FastAPI, naive",
        "fastapi",
        _script("fastapi_naive"),
        "/ready",
        "/predict",
        _upload,
        {"content-type": "multipart/form-data; boundary=frame"},
    ),
    Peer("FastAPI, 2 workers", "fastapi", _script("fastapi_workers"), "/ready", "/predict"),
    Peer("LitServe", "litserve", _script("litserve_server"), "/health", "/predict", _base64, _JSON),
    Peer("BentoML", "bentoml", _bentoml, "/readyz", "/predict"),
    Peer("MLServer", "mlserver", _script("mlserver_runtime"), _READY, _V2, _v2_base64, _JSON, _v2_probabilities),
    Peer("PyTriton", "pytriton", _script("pytriton_server"), _READY, _V2, headers=_BINARY, answer=_v2_probabilities),
    Peer("Triton", "pytriton", _triton, _READY, _V2, headers=_BINARY, answer=_v2_probabilities),
)


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
        if peer.name != "FastAPI, naive":
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
        """SIGTERM to its session, SIGKILL to what is left of it after a while."""
        for one in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, one)
            except ProcessLookupError:
                break
            try:
                self._process.wait(_ENDS_S)
            except subprocess.TimeoutExpired:
                continue
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
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
