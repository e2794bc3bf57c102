"""How each peer is started and asked. Not imported in the peers' environments."""

import base64
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.serving.environments import environment
from benchmarks.serving.material import ROOT


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
    stub.unlink(missing_ok=True)
    stub.symlink_to(Path("..", "..", "python_backend_stubs", "3.11", stub.name))
    model = home / "models" / "classifier" / "1"
    model.mkdir(parents=True)
    sources = Path(__file__).parent
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
NAIVE: Final = "FastAPI, naive"
PEERS: Final = (
    Peer(
        NAIVE,
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
