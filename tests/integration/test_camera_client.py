"""`keepsight-camera` beside a real serving process: folders, videos and streams; servers that are killed, keys, certificates, and its own end."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.certificates import Authority
from tests.serving_process import ROOT, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version

FRAMES, _ = photographs(12)


class Client:
    """The command, run beside the test; `lines` are what it printed so far, `messages` what it said."""

    def __init__(self, url: str, *arguments: object, camera: str = "line-1", prints: str = "answers") -> None:
        command = [sys.executable, "-m", "standalone.camera_client", "--server", url, "--camera", camera, "--print", prints]
        self._process = subprocess.Popen(
            [*command, *map(str, arguments)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.lines: list[dict[str, Any]] = []
        self.messages: list[str] = []
        self._readers = [threading.Thread(target=self._read_lines), threading.Thread(target=self._read_messages)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self._process.stdout
        self.lines.extend(map(json.loads, self._process.stdout))

    def _read_messages(self) -> None:
        assert self._process.stderr
        self.messages.extend(self._process.stderr)

    def signal(self, one: signal.Signals = signal.SIGTERM) -> None:
        self._process.send_signal(one)

    def ended(self) -> int:
        """The exit status, when all that it said was read."""
        status = self._process.wait(60)
        for reader in self._readers:
            reader.join(60)
        return status

    @property
    def said(self) -> str:
        return "".join(self.messages)

    @property
    def frames(self) -> list[str]:
        return [line["frame"] for line in self.lines]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    """A server on a port of its own that it keeps when it is started again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house = ServingProcess(tmp_path_factory.mktemp("house"), port=port)
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0


@pytest.fixture
def url(serving: ServingProcess) -> str:
    return f"http://127.0.0.1:{serving.port}"


def folder_of(path: Path, count: int) -> list[str]:
    """Photographs in a folder; their names in order."""
    path.mkdir()
    names = [f"frame-{number}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        (path / name).write_bytes(FRAMES[number % len(FRAMES)])
    return names


def video_of(path: Path, count: int) -> Path:
    """A video of 20 frames a second, each frame brighter than the one before."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (64, 48))
    for number in range(count):
        writer.write(np.full((48, 64, 3), number % 250, np.uint8))
    writer.release()
    return path


class Stream:
    """An HTTP camera: MJPEG at `rate_hz`, without end."""

    def __init__(self, rate_hz: float = 25.0) -> None:
        ends = self._ends = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                number = 0
                try:
                    while not ends.wait(1 / rate_hz):
                        content = FRAMES[number % len(FRAMES)]
                        number += 1
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                        self.wfile.write(head.encode() + content + b"\r\n")
                except OSError:
                    return

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://guest:secret@127.0.0.1:{self._server.server_port}/live.mjpg?token=secret"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._server.shutdown()
        self._server.server_close()


def test_a_folder_is_answered_once_and_in_order_though_the_server_is_killed(
    serving: ServingProcess, url: str, tmp_path: Path
) -> None:
    names = folder_of(tmp_path / "pictures", 300)
    client = Client(url, tmp_path / "pictures", "--rate", 200)
    for answered in (40, 160):
        eventually("answers", lambda: len(client.lines), lambda count, least=answered: count >= least)
        serving.kill()
        serving.start()
    assert client.ended() == 0, client.said
    assert client.frames == names
    assert all(line["status"] == 200 for line in client.lines)
    assert "300 frames answered" in client.said
    ids = [line["answer"]["frame_id"] for line in client.lines]
    assert [event.frame_id for event in serving.scored_of(ids)] == ids


def test_a_refused_frame_is_named_and_the_others_go_on(url: str, tmp_path: Path) -> None:
    names = folder_of(tmp_path / "pictures", 6)
    (tmp_path / "pictures" / names[2]).write_bytes(b"no image")
    client = Client(url, tmp_path / "pictures")
    assert client.ended() == 1
    assert [line["status"] for line in client.lines] == [200, 200, 415, 200, 200, 200]
    assert "frame-2.jpg is refused (not-an-image)" in client.said


def test_a_video_goes_on_where_a_signal_ended_it(url: str, tmp_path: Path) -> None:
    video = video_of(tmp_path / "clip.avi", 60)
    first = Client(url, video, "--resume", tmp_path / "at", "--rate", 40)
    eventually("answers", lambda: len(first.lines), lambda count: count >= 5)
    first.signal(signal.SIGINT)
    assert first.ended() == 130
    assert 5 <= len(first.lines) < 60
    second = Client(url, video, "--resume", tmp_path / "at", "--captured-at", "source", "--starts-at", "2026-01-01T00:00:00Z")
    assert second.ended() == 0
    assert first.frames + second.frames == [f"frame {number}" for number in range(1, 61)]
    after = [line["captured_at"] - 1_767_225_600.0 for line in second.lines]
    assert after == pytest.approx([(len(first.lines) + number) / 20 for number in range(len(after))], abs=1e-3)


def test_a_stream_sends_no_old_frames_after_an_outage_and_shows_no_secret(serving: ServingProcess, url: str) -> None:
    with Stream() as stream:
        client = Client(url, stream.url, camera="gate")
        eventually("answers", lambda: len(client.lines), lambda count: count >= 10)
        serving.kill()
        before = len(client.lines)
        away = eventually("a message", lambda: client.said, lambda said: "Trying on" in said)
        assert "connection refused" in away
        again_at = time.time()
        serving.start()
        eventually("answers again", lambda: len(client.lines), lambda count: count >= before + 5)
        client.signal()
        assert client.ended() == 0, client.said
    times = [line["captured_at"] for line in client.lines]
    assert times == sorted(times)
    assert sum(at < again_at for at in times) <= before + 1  # one answer may have been on its way
    assert "frames skipped" in client.said
    assert "secret" not in client.said


def test_a_stream_that_breaks_is_opened_again(url: str) -> None:
    with Stream() as stream:
        client = Client(url, stream.url, camera="gate")
        eventually("answers", lambda: len(client.lines), lambda count: count >= 3)
    eventually("a message", lambda: client.said, lambda said: "Opening it again" in said)
    client.signal()
    assert client.ended() == 0


def test_a_followed_folder_is_emptied_as_files_come(url: str, tmp_path: Path) -> None:
    names = folder_of(tmp_path / "in", 4)
    done = tmp_path / "done"
    client = Client(url, tmp_path / "in", "--follow", "--done-folder", done)
    eventually("the first files", lambda: client.frames, lambda frames: frames == names)
    late = tmp_path / "in" / "a-late-one.jpg"
    (tmp_path / "part").write_bytes(FRAMES[0])
    (tmp_path / "part").rename(late)
    eventually(
        "the late file", lambda: sorted(path.name for path in done.iterdir()), lambda seen: seen == sorted([*names, late.name])
    )
    assert list((tmp_path / "in").iterdir()) == []
    client.signal()
    assert client.ended() == 0


def test_the_guides_python_sends_frames(url: str, serving: ServingProcess, tmp_path: Path) -> None:
    names = folder_of(tmp_path / "pictures", 3)
    (tmp_path / "pictures" / names[1]).write_bytes(b"no image")
    code = (ROOT / "docs" / "cameras.md").read_text().partition("```python\n")[2].partition("```")[0]
    files = [str(tmp_path / "pictures" / name) for name in names]
    command = [sys.executable, "-c", code, url.removeprefix("http://"), "line-2", *files]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    assert [line.split()[1] in ("china", "flower") for line in said] == [True, False, True]
    assert "415" in said[1]


def test_a_key_and_certificates_open_the_door_and_each_that_is_wrong_is_named(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate, certificate_key = authority.sign("serving")
    own, own_key = authority.sign("line-1")
    keys, key_file = tmp_path / "keys", tmp_path / "line.key"
    new = [sys.executable, "-m", "standalone", "key", "new", "line", "--cameras", "line-*", "--file", str(keys)]
    key_file.write_text(subprocess.run(new, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout)
    house = ServingProcess(
        tmp_path,
        keys_file=str(keys),
        tls_cert_file=str(certificate),
        tls_key_file=str(certificate_key),
        tls_client_ca_file=str(authority.certificate),
    )
    house.tls = ssl.create_default_context(cafile=authority.certificate)
    house.tls.load_cert_chain(own, own_key)
    publish_small_version(house.repository)
    house.start()
    names = folder_of(tmp_path / "pictures", 3)
    right = {"--key-file": key_file, "--ca-file": authority.certificate, "--cert-file": own, "--cert-key-file": own_key}

    def client(camera: str = "line-1", **changed: object) -> Client:
        wanted = {**right, **{f"--{name.replace('_', '-')}": value for name, value in changed.items()}}
        arguments = [part for pair in wanted.items() if pair[1] is not None for part in pair]
        return Client(f"https://localhost:{house.port}", tmp_path / "pictures", *arguments, camera=camera)

    wrong = {
        "missing-key: ": client(key_file=None),
        "wrong-scope": client(camera="gate"),
        "is not believed": client(ca_file=other.certificate),
    }
    nameless = client(cert_file=None, cert_key_file=None, give_up_after=2)
    well = client()
    assert well.ended() == 0, well.said
    assert well.frames == names
    for words, turned_away in wrong.items():
        assert turned_away.ended() == 4, turned_away.said
        assert words in turned_away.said
        assert turned_away.lines == []
    assert nameless.ended() == 3  # the server hangs up without a word, as one that stops does
    assert "wants a certificate of this camera: --cert-file" in nameless.said
    assert house.stop() == 0
