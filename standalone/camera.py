"""The cameras of the demo: each a thread with its own HTTP connection that sends JPEG frames to serving and keeps what was answered.

A camera knows the truth of every cell it photographs, as no real camera does: the account at the end compares. Serving learns it only through labels.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from contracts.errors import KeepsightError
from standalone.camera_client.connection import Connection as Http
from standalone.camera_client.connection import UnreachableError, server_of
from standalone.camera_client.retry import retry_after_s
from standalone.photographs import Cell

TRIES: Final = 40
"""A frame is sent again this often when serving says `busy` or is away, for some ten seconds in all; then the camera gives up on it and it is lost."""
RETRY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame as taken. `smeared`: through the dirty lens. `phase`: which pass of the proof, if it belongs to one."""

    cell: Cell
    content: bytes
    smeared: bool = False
    phase: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A shot with serving's answer. `captured_at` in Unix seconds; `probability` is the defective class's."""

    camera: str
    shot: Shot
    captured_at: float
    frame_id: str
    version: str
    variant: str
    label: str
    sample: str | None


class NotAnsweredError(KeepsightError):
    """Serving refused, or did not answer. `content` is the body of its refusal, empty when there was no answer."""

    def __init__(self, message: str, content: bytes = b"") -> None:
        super().__init__(message)
        self.content = content


class Connection:
    """One camera's HTTP connection to serving, opened again when it breaks. Not thread-safe."""

    def __init__(self, address: str, timeout_s: float = 15.0) -> None:
        self._http = Http(server_of(address), timeout_s)

    def post(self, path: str, body: bytes, content_type: str) -> bytes:
        """The body of a 2xx answer. Raises NotAnsweredError when serving refuses, or does not answer after TRIES tries."""
        reason, content = "", b""
        for _ in range(TRIES):
            try:
                reply = self._http.post(path, body, {"Content-Type": content_type})
            except UnreachableError as error:
                reason, content, wait_s = str(error), b"", RETRY_S
            else:
                content = reply.body
                if 200 <= reply.status < 300:
                    return content
                reason = f"{reply.status} {content.decode(errors='replace')[:300]}"
                if reply.status not in (429, 503):
                    break
                wait_s = min(1.0, retry_after_s(reply.retry_after, time.time()) if reply.retry_after else RETRY_S)
            time.sleep(wait_s)
        raise NotAnsweredError(f"POST {path}: {reason}", content)

    def close(self) -> None:
        """Hang up."""
        self._http.close()


class Camera(threading.Thread):
    """Takes `shots` at a steady `rate_hz` and sends each, one after the other, until told to stop or until there are no more."""

    def __init__(self, name: str, address: str, shots: Iterator[Shot], rate_hz: float, answered: Callable[[Answer], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.sent = 0
        self.refused: list[str] = []
        """Why frames were given up."""
        self._connection = Connection(address)
        self._shots = shots
        self._interval_s = 1.0 / rate_hz
        self._answered = answered
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Send no further frame; the one under way is still answered."""
        self._stopping.set()

    def run(self) -> None:
        """A late camera sends at once and does not make up for the frames it missed."""
        due = time.monotonic()
        for shot in self._shots:
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                break
            due = max(due + self._interval_s, time.monotonic())
            self._send(shot)
        self._connection.close()

    def _send(self, shot: Shot) -> None:
        captured_at = time.time()
        self.sent += 1
        query = urlencode({"camera": self.name, "captured_at": f"{captured_at:.6f}"})
        try:
            answer = json.loads(self._connection.post(f"/v1/frames?{query}", shot.content, "image/jpeg"))
        except NotAnsweredError as error:
            self.refused.append(str(error))
            return
        best = answer["prediction"]["labels"][0]
        self._answered(
            Answer(
                self.name, shot, captured_at, answer["frame_id"], answer["version"], answer["variant"], best, answer.get("sample")
            )
        )
