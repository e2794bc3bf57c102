"""Clients that a server meets on a bad day, while the body of the `with` runs: some that begin a frame and do not end it, some that leave before the answer."""

import socket
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from tests.serving_process import PATIENCE_S, ServingProcess


class _Clients(ABC):
    """One client after another, on a thread."""

    def __init__(self, serving: ServingProcess, frame: bytes, camera: str) -> None:
        self.port = serving.port
        self.head = f"POST /v1/frames?camera={camera} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(frame)}\r\n\r\n".encode()
        self.frame = frame
        self.count = 0
        """How many there were."""
        self._stop = threading.Event()
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failed:
            raise self._failed

    @abstractmethod
    def visit(self, connection: socket.socket) -> None:
        """What one of them does."""

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as connection:
                    self.visit(connection)
                self.count += 1
        except Exception as error:
            self._failed = error


class Stallers(_Clients):
    """They send half a frame and wait for what they hear."""

    def visit(self, connection: socket.socket) -> None:
        """Must hear 408."""
        connection.sendall(self.head + self.frame[: len(self.frame) // 2])
        heard = connection.recv(4096)
        assert heard.startswith(b"HTTP/1.1 408 "), heard


class Leavers(_Clients):
    """They send a whole frame and are gone; `count` is at least how many frames the server saw."""

    def visit(self, connection: socket.socket) -> None:
        """Do not wait."""
        connection.sendall(self.head + self.frame)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self._stop.wait(0.02)  # some fifty a second, of which some find their frame under way and some do not


def resident_bytes(pid: int) -> int:
    """The memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no VmRSS")
