"""The real Triton server that the PyPI package nvidia-pytriton 0.7 carries (tritonserver 2.51), as an oracle of the protocol. It needs no GPU.

It is installed once (55 MB, some ten seconds) into an environment of its own below .cache/, which git ignores. Where it cannot be installed, tests skip
by name, or fail when KEEPSIGHT_REQUIRE_ALL=1 says that nothing may be skipped.
"""

import atexit
import os
import shutil
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import NoReturn

import pytest

from tests.oip_cases import MODEL
from tests.serving_process import PATIENCE_S, ROOT, eventually

ENVIRONMENT = ROOT / ".cache" / "triton"
_PACKAGE = "nvidia-pytriton==0.7.0"
_CONFIG = """
name: "small"
backend: "python"
max_batch_size: 8
input [
  { name: "image", data_type: TYPE_STRING, dims: [ 1 ], optional: true },
  { name: "pixels", data_type: TYPE_UINT8, dims: [ -1, -1, 3 ], optional: true }
]
output [
  { name: "probabilities", data_type: TYPE_FP32, dims: [ 2 ] },
  { name: "label", data_type: TYPE_STRING, dims: [ 1 ] },
  { name: "embedding", data_type: TYPE_FP32, dims: [ 4 ] },
  { name: "frame_id", data_type: TYPE_STRING, dims: [ 1 ] },
  { name: "sample", data_type: TYPE_STRING, dims: [ 1 ] }
]
"""
_MODEL = '''
import numpy as np
import triton_python_backend_utils as triton


class TritonPythonModel:
    """Answers every picture with the same: the protocol is compared, not the prediction."""

    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        inputs = [triton.get_input_tensor_by_name(request, name) for name in ("image", "pixels")]
        n = next(len(one.as_numpy()) for one in inputs if one is not None)
        texts = np.full((n, 1), b"china", np.object_)
        return triton.InferenceResponse(
            output_tensors=[
                triton.Tensor("probabilities", np.tile(np.array([0.75, 0.25], np.float32), (n, 1))),
                triton.Tensor("embedding", np.zeros((n, 4), np.float32)),
                *(triton.Tensor(name, texts) for name in ("label", "frame_id", "sample")),
            ]
        )
'''


def installed() -> Path:
    """The folder of the server, installed first where it is not there yet."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / ".ready").exists():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        # The server alone is wanted, not PyTriton and what it stands on.
        for command in ([sys.executable, "-m", "venv", ENVIRONMENT], [*pip, "--no-deps", _PACKAGE], [*pip, "numpy<2"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                _absent(f"{_PACKAGE} cannot be installed: {done.stderr.strip()[-300:]}")
        (ENVIRONMENT / ".ready").touch()
    (found,) = ENVIRONMENT.glob("lib/python*/site-packages/pytriton/tritonserver")
    stub = found / "backends" / "python" / "triton_python_backend_stub"
    if not stub.exists():
        stub.symlink_to(found / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}" / stub.name)
    return found


def _absent(why: str) -> NoReturn:
    if os.environ.get("KEEPSIGHT_REQUIRE_ALL") == "1":
        pytest.fail(f"KEEPSIGHT_REQUIRE_ALL=1, but: {why}")
    pytest.skip(why)


class TritonServer:
    """The server with the model of ours as it shows itself, on `port`; started again after a crash by `ready`."""

    def __init__(self, home: Path, port: int) -> None:
        self._home, self.port, self._server = home, port, installed()
        folder = home / "models" / MODEL
        (folder / "1").mkdir(parents=True)
        (folder / "config.pbtxt").write_text(_CONFIG)
        (folder / "1" / "model.py").write_text(_MODEL)
        self._process: subprocess.Popen[bytes] | None = None

    def ready(self) -> None:
        """Start it if it does not run, and wait until it answers."""
        if self._process is None or self._process.poll() is not None:
            command = [
                self._server / "bin" / "tritonserver",
                f"--model-repository={self._home / 'models'}",
                f"--backend-directory={self._server / 'backends'}",
                f"--http-port={self.port}",
                "--http-address=127.0.0.1",
                "--allow-grpc=false",
                "--allow-metrics=false",
                "--backend-config=python,shm-default-byte-size=1048576",
            ]
            with (self._home / "triton.log").open("ab") as log:
                self._process = subprocess.Popen(
                    command, stdout=log, stderr=log, env={"PATH": f"{ENVIRONMENT / 'bin'}:/usr/bin:/bin"}
                )
            atexit.register(self._process.kill)
        eventually("Triton is ready", self._answers)

    def gone(self) -> bool:
        """Whether it ended of itself."""
        assert self._process
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/v2/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
