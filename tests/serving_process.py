"""A real serving process for tests: its folders, its settings file, a client, and what it put on its log."""

import atexit
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from contracts import events
from contracts.events import FRAMES, LABELS, FrameLabelled, FrameScored
from contracts.log import open_bus

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[1]
CAMERAS: dict[str, dict[str, Any]] = {
    "line-1": {"site": "hall"},
    "line-2": {"site": "hall"},
    "gate": {"site": "yard", "stream": "video"},
    "sealed": {"site": "hall", "audit": True},
}
T = TypeVar("T")
OfFrame = TypeVar("OfFrame", FrameScored, FrameLabelled)


class Reply(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        """The last part of a problem's type."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        return str(self.json["type"]).removeprefix("urn:keepsight:problem:")


def eventually(what: str, look: Callable[[], T], done: Callable[[T], bool] = bool) -> T:
    """The first thing that `look` sees and `done` accepts. Fails after a minute, saying what it saw last."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        seen = look()
        if done(seen):
            return seen
        assert time.monotonic() < deadline, f"{what}: not after {PATIENCE_S:g} s; last seen: {seen!r}"
        time.sleep(0.02)


class ServingProcess:
    """`python -m serving` on folders below `home`; `settings` are keys of [serving]."""

    def __init__(self, home: Path, model: str = "small", cameras: dict[str, dict[str, Any]] | None = None, **settings: Any) -> None:
        self.home, self.model = home, model
        self.repository, self.log = str(home / "repository"), f"embedded://{home}/log"
        self._settings: dict[str, Any] = {"port": 0, "poll_interval_s": 0.05, "stop_delay_s": 0.1, **settings}
        self._cameras: dict[str, dict[str, Any]] = CAMERAS if cameras is None else cameras
        self._errors = home / "serving.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.module = "serving"
        """What is started."""
        self.port = 0
        self.key = ""
        """Sent with every request, where there is one."""
        self.tls: ssl.SSLContext | None = None
        """How to speak TLS to it, where it does."""

    def start(self, ready: bool = True) -> "ServingProcess":
        """Start, and wait until it listens, and answers frames if `ready`."""
        self.write_settings()
        begun = self._errors.stat().st_size if self._errors.exists() else 0
        command = [sys.executable, "-m", self.module, "--settings", str(self.home / "keepsight.toml")]
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(command, cwd=ROOT, stderr=errors, env={**os.environ, "OMP_NUM_THREADS": "1"})
        atexit.register(self._process.kill)  # a test that fails leaves none behind
        listens = eventually("serving listens", lambda: self._said("serving_listens", begun))
        self.port = listens[-1]["port"]
        if ready:
            eventually("serving is ready", lambda: self.get("/readyz"), lambda reply: reply.status == 200)
        return self

    def write_settings(self) -> Path:
        """The settings file."""
        shared = {
            "log": self.log,
            "repository": self.repository,
            "frame_store": str(self.home / "frames"),
            "state": str(self.home / "state"),
            "model": self.model,
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in shared.items()]
        lines += ["[serving]", *(f"{key} = {json.dumps(value)}" for key, value in self._settings.items())]
        for name, camera in self._cameras.items():
            lines += [f"[serving.cameras.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in camera.items())]
        path = self.home / "keepsight.toml"
        path.write_text("\n".join(lines))
        return path

    def said(self, event: str) -> list[dict[str, Any]]:
        """The log lines with this event name, of all its lives."""
        return self._said(event, 0)

    def said_by(self, logger: str) -> list[dict[str, Any]]:
        """The log lines of a library's logger."""
        return [line for line in self._lines(0) if line.get("logger") == logger]

    def _said(self, event: str, begun: int) -> list[dict[str, Any]]:
        assert self._process is None or self._process.poll() is None or event != "serving_listens", self._errors.read_text()
        return [line for line in self._lines(begun) if line["event"] == event]

    def _lines(self, begun: int) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._errors.read_bytes()[begun:].splitlines() if line.startswith(b"{")]

    @contextmanager
    def connected(self) -> Iterator[HTTPConnection]:
        """A kept-alive connection."""
        if self.tls is None:
            connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        else:
            connection = HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE_S, context=self.tls)
        try:
            yield connection
        finally:
            connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, on: HTTPConnection | None = None
    ) -> Reply:
        """One request, on a connection of its own or on `on`."""
        if on is None:
            with self.connected() as connection:
                return self.ask(method, path, body, headers, connection)
        headers = {**({"Authorization": f"Bearer {self.key}"} if self.key else {}), **(headers or {})}
        on.request(method, path, body, headers, encode_chunked=not isinstance(body, bytes | None))
        answer = on.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process
        return self._process.pid

    def get(self, path: str) -> Reply:
        """GET a path."""
        return self.ask("GET", path)

    def frame(self, content: Any, camera: str = "line-1", query: str = "", on: HTTPConnection | None = None) -> Reply:
        """POST a frame."""
        return self.ask("POST", f"/v1/frames?camera={camera}{query}", content, on=on)

    def answered(self, content: bytes, camera: str = "line-1", query: str = "", on: HTTPConnection | None = None) -> dict[str, Any]:
        """POST a frame that must be answered; the answer."""
        reply = self.frame(content, camera, query, on)
        assert reply.status == 200, reply
        answer: dict[str, Any] = reply.json
        return answer

    def label(self, labels: Any) -> Reply:
        """POST labels."""
        return self.ask("POST", "/v1/labels", json.dumps(labels).encode(), {"content-type": "application/json"})

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        text = self.get("/metrics").body.decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

    def scored(self, count: int) -> list[FrameScored]:
        """The FrameScored events of the log, each once, when there are at least `count`; in the log's order per camera."""
        return eventually(
            f"{count} FrameScored events", lambda: self.logged(FRAMES, FrameScored), lambda found: len(found) >= count
        )

    def scored_of(self, frame_ids: Collection[str]) -> list[FrameScored]:
        """The FrameScored events of these frames, each once, when there is one of each; in the log's order per camera."""
        return self._of(FRAMES, FrameScored, frame_ids)

    def labelled_of(self, frame_ids: Collection[str]) -> list[FrameLabelled]:
        """The FrameLabelled events of these frames, each once, when there is one of each."""
        return self._of(LABELS, FrameLabelled, frame_ids)

    def _of(self, topic: str, kind: type[OfFrame], frame_ids: Collection[str]) -> list[OfFrame]:
        wanted = frozenset(frame_ids)

        def those() -> list[OfFrame]:
            return [event for event in self.logged(topic, kind) if event.frame_id in wanted]

        return eventually(f"events of {len(wanted)} frames", those, lambda found: {event.frame_id for event in found} == wanted)

    def labelled(self, count: int) -> list[FrameLabelled]:
        """The FrameLabelled events of the log, each once, when there are at least `count`."""
        return eventually(
            f"{count} FrameLabelled events", lambda: self.logged(LABELS, FrameLabelled), lambda found: len(found) >= count
        )

    def logged(self, topic: str, kind: type[T]) -> list[T]:
        """What a topic of the log holds now; the same event twice counts once."""
        bus = open_bus(self.log)
        reader = bus.reader(None, [topic])
        found: dict[str, T] = {}
        try:
            while records := reader.poll(0.05):
                for record in records:
                    event = events.decode(record)
                    assert isinstance(event, kind)
                    found.setdefault(record.headers["ce_id"], event)
        finally:
            reader.close()
            bus.close()
        return list(found.values())

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process
        self._process.kill()
        self._process.wait(PATIENCE_S)

    def signal(self, one: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal."""
        assert self._process
        self._process.send_signal(one)

    def ended(self) -> int:
        """The exit status, waited for."""
        assert self._process
        return self._process.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM and the exit status; safe to call twice."""
        if self._process is None or self._process.poll() is not None:
            return 0
        self.signal()
        return self.ended()


class Load:
    """Cameras that send `frames` in turn, each on its own connection as fast as it is answered (and `every_s` later), while the body of the `with` runs."""

    def __init__(self, serving: ServingProcess, frames: Sequence[bytes], cameras: Sequence[str], every_s: float = 0.0) -> None:
        self._serving, self._frames, self._cameras, self._every_s = serving, frames, cameras, every_s
        self._stop = threading.Event()
        self.answers: list[tuple[int, dict[str, Any]]] = []
        """(index of the frame, its answer) of every frame that was answered with 200."""
        self.refused: list[Reply] = []
        """Every other answer."""
        self.broken: list[str] = []
        """Connections that ended without an answer."""

    def __enter__(self) -> "Load":
        self._pool = ThreadPoolExecutor(len(self._cameras))
        self._tasks = [self._pool.submit(self._send, camera) for camera in self._cameras]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for task in self._tasks:
            task.result()

    def _send(self, camera: str) -> None:
        with self._serving.connected() as connection:
            number = 0
            while not self._stop.is_set():
                index = number % len(self._frames)
                number += 1
                try:
                    reply = self._serving.frame(self._frames[index], camera, on=connection)
                except (OSError, HTTPException) as error:
                    connection.close()
                    self.broken.append(repr(error))
                    if isinstance(error, ConnectionRefusedError):
                        return
                    continue
                if reply.status == 200:
                    self.answers.append((index, reply.json))
                else:
                    self.refused.append(reply)
                if self._every_s:
                    self._stop.wait(self._every_s)
