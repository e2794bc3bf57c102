"""Every refusal that is documented can happen, and every one that happens is documented: each kind of problem is provoked at a real process.

Two servers: `strict` has keys, short times, few connections and a version that fails on white and black frames; `poor` has room for one frame,
and its spool for a megabyte.
"""

import json
import re
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from contracts.frame_store import frame_path
from contracts.ids import new_id
from contracts.keys import new_key
from contracts.repository import ModelRepository
from serving.problems import KINDS, TYPE_PREFIX
from tests.serving_process import PATIENCE_S, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version, set_channels

(JPEG,), _ = photographs(1)
DOCS = Path(__file__).parents[2] / "docs"
FRAMES = "/v1/frames"
INFER = "/v2/models/small/infer"
NEVER_TOLD: Final = {"client-gone"}
"""Counted, but nobody is there to hear it."""
BUGS: Final = {"internal"}
"""Provoked in tests/unit/serving/test_app.py."""


def plain(level: int, extension: str = ".png", side: int = 64) -> bytes:
    return cv2.imencode(extension, np.full((side, side, 3), level, np.uint8))[1].tobytes()


def publish_frail_version(repository: str) -> None:
    """A version that is sound on photographs, answers NaN on black frames, and raises on white ones."""
    publish_small_version(repository, champion=False)
    version = ModelRepository(repository).read("small", "1")
    model = onnx.load_from_string(version.model)
    graph = model.graph
    next(node for node in graph.node if node.output[0] == "scores").output[0] = "sound"
    constants = {"axis": np.array([1]), "nothing": np.array(0, np.float32), "only": np.zeros(1, np.float32)}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend(
        [
            helper.make_node("ReduceMean", ["unit"], ["mean"], axes=[1, 2, 3], keepdims=0),
            helper.make_node("Log", ["mean"], ["log"]),  # of black: -inf, and times nothing no number
            helper.make_node("Mul", ["log", "nothing"], ["zero"]),
            helper.make_node("Unsqueeze", ["zero", "axis"], ["zeros"]),
            helper.make_node("Floor", ["mean"], ["floor"]),  # of white: 1, and the only element is number 0
            helper.make_node("Cast", ["floor"], ["place"], to=onnx.TensorProto.INT64),
            helper.make_node("Gather", ["only", "place"], ["found"]),
            helper.make_node("Unsqueeze", ["found", "axis"], ["finds"]),
            helper.make_node("Add", ["sound", "zeros"], ["almost"]),
            helper.make_node("Add", ["almost", "finds"], ["scores"]),
        ]
    )
    manifest = msgspec.structs.replace(version.manifest, version="2")
    ModelRepository(repository).publish(manifest, model.SerializeToString(), version.baseline, version.golden)
    set_channels(repository, champion="2")


class Wire:
    """Raw bytes on a connection, kept open until the test is over."""

    def __init__(self, serving: ServingProcess, content: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", serving.port), timeout=PATIENCE_S)
        self.socket.sendall(content)

    def status(self) -> int:
        """Of the next answer."""
        return int(self.socket.recv(65_536).split(b" ", 2)[1])


class House:
    """The two servers, and what was left open."""

    def __init__(self, home: Path) -> None:
        self.keys: dict[str, str] = {}
        lines = []
        for key_id, scopes in {"all": ("camera:*", "labels", "metrics"), "few": ("camera:line-1",)}.items():
            self.keys[key_id], line = new_key(key_id, scopes)
            lines.append(line)
        (home / "strict").mkdir()
        (home / "poor").mkdir()
        (home / "keys").write_text("".join(lines))
        cameras = {
            "line-1": {"site": "hall"},
            "mad": {"site": "hall", "rate": 0.001, "burst": 1},
            "live": {"site": "hall", "newest_wins": True},
        }
        short = {"head_timeout_s": 0.5, "body_timeout_s": 0.5, "max_connections": 20, "sample_share": 1.0, "workers": 1}
        self.strict = ServingProcess(home / "strict", cameras=cameras, keys_file=str(home / "keys"), **short)
        self.strict.key = self.keys["all"]
        publish_frail_version(self.strict.repository)
        self.poor = ServingProcess(home / "poor", cameras=cameras, queue_limit=1, spool_max_bytes=1 << 20, sample_share=1.0)
        publish_small_version(self.poor.repository)
        self.servers = [self.strict, self.poor]
        self.open: list[Wire] = []

    def head(self, length: int, key: str = "all", path: str = FRAMES + "?camera=line-1", more: str = "") -> bytes:
        """The head of a POST."""
        return f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.keys[key]}\r\n{more}Content-Length: {length}\r\n\r\n".encode()

    def raw(self, content: bytes) -> int:
        """The status of the answer to these bytes."""
        self.open.append(Wire(self.strict, content))
        return self.open[-1].status()

    def frame(self, content: bytes, query: str = "camera=line-1", **headers: str) -> int:
        """The status of a frame's answer."""
        return self.strict.ask("POST", f"{FRAMES}?{query}", content, headers).status

    def labels(self, *posts: object) -> int:
        """The status of labels' answer."""
        return self.strict.label(list(posts)).status

    def sampled(self, serving: ServingProcess) -> str:
        """The id of a frame that can be labelled."""
        return str(serving.answered(JPEG)["frame_id"])

    def infer(self, document: object, path: str = INFER) -> int:
        """The status of an inference request's answer."""
        return self.strict.ask("POST", path, json.dumps(document).encode()).status

    def keyed(self, key: str, path: str) -> int:
        """The status of an answer to this key."""
        return self.strict.ask("GET", path, None, {"Authorization": key}).status


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    for serving in house.servers:
        serving.start()
    yield house
    assert [serving.stop() for serving in house.servers] == [0] * len(house.servers)


def _crowd(house: House) -> int:
    for _ in range(20):
        assert house.raw(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") == 200
    return house.raw(b"")


def _superseded(house: House) -> int:
    """While the only worker decodes a large frame, of two small ones of one camera the newer one waits."""
    large = plain(0, side=2900)

    def tried() -> int:
        wires = [
            Wire(house.strict, house.head(len(content), path=f"{FRAMES}?camera={camera}") + content)
            for camera, content in (("line-1", large), ("live", JPEG), ("live", JPEG))
        ]
        statuses = [wire.status() for wire in wires]
        for wire in wires:
            wire.socket.close()
        assert (statuses[0], statuses[2]) == (500, 200), statuses  # a black frame, see publish_frail_version
        return statuses[1]

    return eventually("a newer frame came in time", tried, lambda status: status != 200)


def _not_ready(house: House) -> int:
    bare = ServingProcess(house.poor.home / "bare")
    bare.home.mkdir()
    house.servers.append(bare.start(ready=False))
    return bare.frame(JPEG).status


def _overloaded(house: House) -> int:
    serving = house.poor
    waiting = Wire(serving, f"POST {FRAMES}?camera=line-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
    try:
        return eventually("the only slot is taken", lambda: serving.frame(JPEG, "live").status, lambda status: status != 200)
    finally:
        waiting.socket.close()


def _labels_held_up(house: House) -> int:
    serving = house.poor
    frame_id = house.sampled(serving)
    log = sqlite3.connect(serving.home / "log" / "log.sqlite3", isolation_level=None, timeout=60)
    log.execute("BEGIN IMMEDIATE")
    try:
        with serving.connected() as connection:
            while serving.metric("keepsight_serving_events_total", outcome="dropped") == 0:
                for _ in range(200):
                    serving.frame(JPEG, on=connection)
        return serving.label(
            [{"frame_id": frame_id, "label": "china"}] * 1000
        ).status  # more than a frame's event, for which there is no room
    finally:
        log.execute("ROLLBACK")
        log.close()


def _store_failed(house: House) -> int:
    frame_id = new_id(time.time())
    card = house.poor.home / "frames" / frame_path("small", frame_id, "json")
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text("this was a card")
    return house.poor.label({"frame_id": frame_id, "label": "china"}).status


GIF = b"GIF89a" + bytes(100)
STILL = plain(9)
ANIMATED = STILL[:33] + b"\0\0\0\x08acTL" + bytes(12) + STILL[33:]
POLYGLOT = STILL + b"%PDF-1.7"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
Provoke = Callable[[House], int]
PROVOKED: Final[dict[str, tuple[str, Provoke]]] = {
    "missing-camera": (FRAMES, lambda house: house.frame(JPEG, "")),
    "unknown-camera": (FRAMES, lambda house: house.frame(JPEG, "camera=nowhere")),
    "bad-captured-at": (FRAMES, lambda house: house.frame(JPEG, "camera=line-1&captured_at=soon")),
    "bad-deadline": (FRAMES, lambda house: house.frame(JPEG, "camera=line-1&deadline_ms=soon")),
    "bad-frame-id": (FRAMES, lambda house: house.frame(JPEG, "camera=line-1&frame_id=7")),
    "deadline-expired": (FRAMES, lambda house: house.frame(JPEG, "camera=line-1&deadline_ms=0.000001")),
    "empty": (FRAMES, lambda house: house.frame(b"")),
    "too-large": (FRAMES, lambda house: house.frame(JPEG + bytes(9 << 20))),
    "too-many-pixels": (FRAMES, lambda house: house.frame(plain(0, side=3100))),
    "too-small": (FRAMES, lambda house: house.frame(plain(9, side=4))),
    "not-an-image": (FRAMES, lambda house: house.frame(b"hello, this is no image at all")),
    "unsupported-format": (FRAMES, lambda house: house.frame(GIF)),
    "unsupported-encoding": (FRAMES, lambda house: house.frame(JPEG, **{"Content-Encoding": "gzip"})),
    "truncated": (FRAMES, lambda house: house.frame(JPEG[: len(JPEG) // 2])),
    "not-decodable": (FRAMES, lambda house: house.frame(POLYGLOT)),
    "animated": (FRAMES, lambda house: house.frame(ANIMATED)),
    "invalid-output": (FRAMES, lambda house: house.frame(plain(0))),
    "inference-failed": (FRAMES, lambda house: house.frame(plain(255))),
    "rate-limited": (FRAMES, lambda house: [house.frame(JPEG, "camera=mad") for _ in range(2)][1]),
    "superseded": (FRAMES, _superseded),
    "overloaded": (FRAMES, _overloaded),
    "not-ready": (FRAMES, _not_ready),
    "missing-key": (FRAMES, lambda house: house.keyed("Basic x", FRAMES)),
    "unknown-key": (FRAMES, lambda house: house.keyed("Bearer x", FRAMES)),
    "wrong-scope": ("/metrics", lambda house: house.keyed(f"Bearer {house.keys['few']}", "/metrics")),
    "cross-site": (FRAMES, lambda house: house.frame(JPEG, Origin="https://page.example")),
    "body-timeout": (FRAMES, lambda house: house.raw(house.head(1000))),
    "bad-request": (FRAMES, lambda house: house.raw(b"SSH-2.0\r\n")),
    "head-too-large": (FRAMES, lambda house: house.raw(b"GET /" + b"a" * 20_000)),
    "head-timeout": (FRAMES, lambda house: house.raw(b"GET /livez HT")),
    "too-many-connections": (FRAMES, _crowd),
    "method-not-allowed": (FRAMES, lambda house: house.strict.get(FRAMES).status),
    "not-found": (INFER, lambda house: house.strict.get("/v2/models/small/nothing").status),
    "bad-multipart": ("/v1/frames/batch", lambda house: house.strict.ask("POST", "/v1/frames/batch", b"x", MULTIPART).status),
    "bad-json": ("/v1/labels", lambda house: house.labels({"frame": 1})),
    "unknown-frame": ("/v1/labels", lambda house: house.labels({"frame_id": "x", "label": "china"})),
    "unknown-class": ("/v1/labels", lambda house: house.labels({"frame_id": house.sampled(house.strict), "label": "cat"})),
    "wrong-truth": ("/v1/labels", lambda house: house.labels({"frame_id": house.sampled(house.strict), "boxes": []})),
    "labels-held-up": ("/v1/labels", _labels_held_up),
    "store-failed": ("/v1/labels", _store_failed),
    "bad-tensor": (INFER, lambda house: house.infer({"inputs": []})),
    "unknown-model": (INFER, lambda house: house.infer({"inputs": []}, "/v2/models/other/infer")),
    "channels-decide": ("/v2/repository/models/{model}/load", lambda house: house.infer({}, "/v2/repository/models/small/load")),
}


def _counted(house: House, kind: str) -> float:
    return sum(one.metric("keepsight_serving_refusals_total", problem=kind) for one in house.servers)


def _documented(house: House, path: str) -> set[str]:
    """The problems, each with its status, that the OpenAPI document has for a path."""
    documented = house.strict.get("/openapi.json").json["paths"]
    names = {re.sub(r"{\w+}", "[^/]+", name): operations for name, operations in documented.items()}
    operations = next(one for name, one in names.items() if re.fullmatch(name, path.replace("{", "").replace("}", "")))
    return {
        f"{status} {kind}"
        for operation in operations.values()
        for status, response in operation["responses"].items()
        for kind in re.findall(r"\(([a-z-]+)\)", response["description"])
    }


@pytest.mark.parametrize("kind", PROVOKED)
def test_a_documented_refusal_happens_and_is_counted(house: House, kind: str) -> None:
    path, provoke = PROVOKED[kind]
    before = _counted(house, kind)
    status = provoke(house)
    for wire in house.open:
        wire.socket.close()
    house.open.clear()
    assert status == KINDS[kind].status
    eventually("it is counted", lambda: _counted(house, kind), lambda count: count > before)
    assert f"{status} {kind}" in _documented(house, path)


def test_every_kind_of_problem_is_provoked() -> None:
    assert set(PROVOKED) == set(KINDS) - NEVER_TOLD - BUGS


def test_what_the_pages_tell_can_happen() -> None:
    for page in sorted(DOCS.glob("*.md")):
        told = set(re.findall(TYPE_PREFIX + r"([a-z-]+)", page.read_text()))
        if page.name in ("cameras.md", "security.md"):
            told |= set(re.findall(r"(?<=\d{3} )`([a-z-]+)`", page.read_text()))
        assert told <= set(PROVOKED) | BUGS, page.name
