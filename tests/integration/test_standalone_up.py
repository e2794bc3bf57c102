"""`keepsight init`, `import-model` and `up` as a user runs them: real processes, a real model, real frames; stopped with Ctrl-C and started again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contracts.events import FRAMES, FrameScored, decode
from contracts.log import open_bus
from standalone.house import PORTS, free_ports
from tests import digits

KEEPSIGHT = (sys.executable, "-m", "standalone")


class Up:
    """A running `keepsight up`, its output line by line."""

    def __init__(self, settings: Path) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [*KEEPSIGHT, "up", "--settings", str(settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def says(self, pattern: str, timeout_s: float = 90.0) -> str:
        """The first line that matches, waiting for it."""
        deadline = time.monotonic() + timeout_s
        while True:
            if found := [line for line in list(self.lines) if re.search(pattern, line)]:
                return found[0]
            assert time.monotonic() < deadline, f"never said {pattern!r}:\n" + "".join(self.lines)
            time.sleep(0.05)

    def interrupt(self) -> int:
        """Ctrl-C, and the exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(90)
        self._reader.join(10)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@pytest.fixture
def up() -> Iterator[Callable[[Path], Up]]:
    made: list[Up] = []

    def start(settings: Path) -> Up:
        made.append(Up(settings))
        return made[-1]

    yield start
    for one in made:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(90)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A fresh house whose services listen on free ports."""
    subprocess.run([*KEEPSIGHT, "init", str(tmp_path / "house"), "--model", "digits"], check=True, capture_output=True)
    settings = tmp_path / "house" / "keepsight.toml"
    text = settings.read_text()
    for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
        text = text.replace(str(PORTS[name]), str(port))  # type: ignore[index]
    settings.write_text(text)
    return settings


def send(up: Up, content: bytes) -> str:
    """Post a frame to the serving that `up` said is ready. Returns its id."""
    address = up.says(r"serving is ready").rsplit(" ", 1)[1].strip()
    request = urllib.request.Request(f"{address}/v1/frames?camera=belt-1", content, {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.loads(answer.read())["frame_id"])


def scored(settings: Path) -> list[str]:
    """The frames on the house's log, each event once."""
    bus = open_bus(f"embedded://{settings.parent}/log")
    reader = bus.reader(None, [FRAMES])
    events = []
    while records := reader.poll(1.0):
        events += [decode(record) for record in records]
    reader.close()
    bus.close()
    return [event.frame_id for event in events if isinstance(event, FrameScored)]


@pytest.mark.timeout(400)
def test_a_house_from_nothing_to_answers_and_over_a_restart(house: Path, up: Callable[[Path], Up], tmp_path: Path) -> None:
    first = up(house)
    first.says("there is no version of model 'digits'")
    first.says(r"monitor is ready: http://127\.0\.0\.1:\d+/console/$")
    first.says("retrain is ready")

    reference = tmp_path / "reference"
    for number, digit in enumerate(digits.mnist()[digits.TRAINED : digits.TRAINED + 300]):
        (reference / digit.label).mkdir(parents=True, exist_ok=True)
        (reference / digit.label / f"{number}.png").write_bytes(digit.content)
    model = digits.train(tmp_path / "model.onnx")
    labels = ",".join(digits.LABELS)
    where = ("--repository", str(house.parent / "repository"), "--frame-store", str(house.parent / "frames"))
    command = [*KEEPSIGHT, "import-model", str(model), "--name", "digits", "--labels", labels, "--reference", str(reference)]
    imported = subprocess.run(
        [*command, *where, "--scale", str(1 / 255), "--color", "gray"], capture_output=True, text=True, check=False
    )
    assert imported.returncode == 0, imported.stderr

    unseen = digits.scans()
    frames = [send(first, unseen[0].content), send(first, unseen[1].content)]
    assert first.interrupt() == 0, "".join(first.lines)
    assert "nothing is lost" in first.lines[-1]
    assert sorted(scored(house)) == sorted(frames)

    second = up(house)
    frames.append(send(second, unseen[2].content))
    assert not [line for line in second.lines if "there is no version" in line]
    assert second.interrupt() == 0, "".join(second.lines)
    assert sorted(scored(house)) == sorted(frames)


def test_up_says_what_is_wrong_with_the_settings_and_ends(house: Path) -> None:
    house.write_text(house.read_text().replace("sample_share", "sample_shape"))
    ended = subprocess.run([*KEEPSIGHT, "up", "--settings", str(house)], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert "unknown key 'sample_shape' in [serving]; did you mean 'sample_share'?" in ended.stdout


def test_up_without_settings_says_how_to_make_them(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*KEEPSIGHT, "up", "--settings", str(tmp_path / "none.toml")], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 2
    assert "keepsight init" in ended.stderr
