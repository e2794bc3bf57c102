"""A house that answered is saved, lost, restored elsewhere and goes on, as docs/production.md says; the doctor looks at it on the way. Real processes."""

import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from contracts.events import FRAMES, FrameScored, decode
from contracts.log import open_bus
from standalone.house import PORTS, free_ports, services
from standalone.supervisor import Supervisor
from tests import small_model

KEEPSIGHT = (sys.executable, "-m", "standalone")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def made(folder: Path) -> Path:
    """A house below `folder` on free ports. Returns its settings file."""
    subprocess.run([*KEEPSIGHT, "init", str(folder), "--model", "small"], check=True, capture_output=True)
    settings = folder / "keepsight.toml"
    text = settings.read_text()
    for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
        text = text.replace(str(PORTS[name]), str(port))  # type: ignore[index]
    settings.write_text(text.replace("sample_share = 0.05", "sample_share = 1.0"))
    return settings


def started(settings: Path) -> Supervisor:
    supervisor = Supervisor(services(settings, settings.parent / "logs"))
    supervisor.start()
    supervisor.wait_ready(120.0)
    return supervisor


def send(supervisor: Supervisor, content: bytes) -> str:
    """The id of a frame that was answered."""
    where = f"http://{supervisor.services[0].address}/v1/frames?camera=belt-1"
    with urllib.request.urlopen(urllib.request.Request(where, content, {"Content-Type": "image/jpeg"}), timeout=60) as answer:
        return str(json.loads(answer.read())["frame_id"])


def scored(settings: Path) -> list[str]:
    bus = open_bus(f"embedded://{settings.parent}/log")
    reader = bus.reader(None, [FRAMES])
    events = []
    while records := reader.poll(1.0):
        events += [decode(record) for record in records]
    reader.close()
    bus.close()
    return sorted(event.frame_id for event in events if isinstance(event, FrameScored))


def asked(settings: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*KEEPSIGHT, *words, "--settings", str(settings)], capture_output=True, text=True, check=False, timeout=300
    )


def verdicts(settings: Path) -> dict[str, str]:
    """What the doctor says by check; patient, for a machine that does much else."""
    return {
        one["check"]: one["verdict"]
        for one in json.loads(asked(settings, "doctor", "--json", "--timeout", "60").stdout)["findings"]
    }


def test_a_house_is_restored_from_its_copies(tmp_path: Path) -> None:
    house = made(tmp_path / "house")
    small_model.publish_small_version(str(tmp_path / "house" / "repository"), "small")
    pictures, _ = small_model.photographs(4)
    running = started(house)
    try:
        before = [send(running, one) for one in pictures[:3]]
        well = verdicts(house)
    finally:
        assert running.stop() == []
    assert "FAIL" not in {verdict for check, verdict in well.items() if not check.startswith("disk")}
    assert well["serving service"] == "ok"
    stopped = verdicts(house)
    assert stopped["serving service"] == "FAIL"

    copy = tmp_path / "copy"
    shutil.copytree(house.parent / "state", copy / "state", ignore=shutil.ignore_patterns("serving", "logs"))
    shutil.copytree(house.parent / "repository", copy / "repository")
    shutil.copytree(house.parent / "frames", copy / "frames")
    (copy / "log").mkdir()
    with (
        closing(sqlite3.connect(house.parent / "log" / "log.sqlite3")) as log,
        closing(sqlite3.connect(copy / "log" / "log.sqlite3")) as saved,
    ):
        log.backup(saved)
    shutil.rmtree(house.parent)

    restored = made(tmp_path / "elsewhere")
    shutil.copytree(copy, restored.parent, dirs_exist_ok=True)
    assert "FAIL" not in {
        one["verdict"]
        for one in json.loads(
            asked(restored, "doctor", "--json", "--timeout", "60", "--only", "settings,log,repository,frames,state").stdout
        )["findings"]
    }
    verified = asked(restored, "audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert scored(restored) == sorted(before)
    running = started(restored)
    try:
        after = send(running, pictures[3])
    finally:
        assert running.stop() == []
    assert scored(restored) == sorted([*before, after])
