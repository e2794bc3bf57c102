"""The frames that are sent, and how they are wrapped for the peers."""

import base64
import json
import struct
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from benchmarks.serving import material
from benchmarks.serving.environments import REQUIREMENTS
from benchmarks.serving.hostile import bombs
from benchmarks.serving.peers.table import PEERS
from contracts import frames as framing
from contracts.errors import FrameError


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    return material.frames()


def test_frames_are_photographs_of_the_size_that_is_told(frames: list[bytes]) -> None:
    headers = {(header.codec, header.width, header.height) for header in map(framing.inspect, frames)}
    assert headers == {("jpeg", 640, 480)}
    assert len(set(frames)) == material.FRAMES
    assert abs(sum(map(len, frames)) / len(frames) - material.BYTES) < 0.05 * material.BYTES
    assert frames == material.frames()


def test_every_peer_is_sent_the_same_bytes(frames: list[bytes]) -> None:
    found = {}
    for peer in PEERS:
        body = peer.encode(frames[0])
        if peer.headers["content-type"] == "application/json":
            said = json.loads(body)
            found[peer.name] = base64.b64decode(said["image"] if "image" in said else said["inputs"][0]["data"][0])
        elif "boundary" in peer.headers["content-type"]:
            found[peer.name] = body.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n--frame--\r\n")
        else:
            found[peer.name] = body
    assert set(found.values()) == {frames[0]}


def test_answers_of_the_peers_are_read(frames: list[bytes]) -> None:
    by_name = {peer.name: peer for peer in PEERS}
    assert by_name["BentoML"].answer(b'{"one": 0.25, "two": 0.75}') == [0.25, 0.75]
    assert by_name["MLServer"].answer(b'{"outputs": [{"data": [0.25, 0.75]}]}') == [0.25, 0.75]
    binary = b'{"outputs": [{"name": "p", "parameters": {"binary_data_size": 8}}]}' + struct.pack("<ff", 0.25, 0.75)
    assert by_name["Triton"].answer(binary) == [0.25, 0.75]


def test_bombs_are_small_and_refused(frames: list[bytes]) -> None:
    for bomb in bombs(frames[0]):
        assert len(bomb) < 400_000
        with pytest.raises(FrameError):
            framing.decode(bomb)


def test_what_the_peers_import_of_ours_stands_on_what_their_environments_have() -> None:
    told = "import sys; import contracts.frames, contracts.manifest; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split())
    foreign = loaded - set(sys.stdlib_module_names) - {"contracts"}
    pinned = {line.partition("==")[0] for line in (REQUIREMENTS / "pytriton.txt").read_text().split()}
    packages = {name for module in foreign for name in packages_distributions().get(module, ())}
    assert packages <= pinned | {"setuptools", "typing_extensions"}, packages - pinned
    for requirements in REQUIREMENTS.glob("*.txt"):
        assert {"msgspec", "numpy", "onnxruntime", "opencv-python-headless", "simplejpeg"} <= {
            line.partition("==")[0] for line in requirements.read_text().split()
        }
