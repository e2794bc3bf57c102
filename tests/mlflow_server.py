"""A genuine MLflow server for tests, of the program that KEEPSIGHT_TEST_MLFLOW names (`make test-mlflow` installs one beside the repository's packages)."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

PROGRAM: Final = "KEEPSIGHT_TEST_MLFLOW"
PATIENCE_S: Final = 120.0


class MlflowServer:
    """One server with a SQLite store in a folder of its own."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="keepsight-mlflow-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        self._log = (self._folder / "server.log").open("wb")
        where = [
            "--backend-store-uri",
            f"sqlite:///{self._folder}/store.db",
            "--artifacts-destination",
            str(self._folder / "artifacts"),
        ]
        command = [os.environ[PROGRAM], "server", *where, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log, cwd=self._folder, start_new_session=True)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "server.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "MLflow does not answer"
            time.sleep(0.2)

    def stop(self) -> None:
        """End it, with its workers."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
