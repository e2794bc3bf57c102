"""The frames that are sent, and how they are wrapped for the peers."""

import base64
import json
import struct

import pytest

from benchmarks.serving import material
from benchmarks.serving.hostile import bombs
from benchmarks.serving.servers import PEERS
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
