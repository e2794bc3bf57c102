"""The keepsight command: what it says, and how it ends."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from standalone import __main__ as command


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_names_every_command(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for name in ("demo", "init", "up", "import-model"):
        assert name in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--version"])
    assert capsys.readouterr().out.startswith("keepsight ")


def test_init_says_what_to_do_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["init", str(tmp_path / "house"), "--model", "doors"]) == 0
    said = capsys.readouterr().out
    assert f"--reference FOLDER --settings {tmp_path}/house/keepsight.toml" in said
    assert f"keepsight up --settings {tmp_path}/house/keepsight.toml" in said
    assert command.main(["init", str(tmp_path / "house")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_demo_without_its_packages_says_which(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "elpv_dataset" else found(name))
    assert command.main(["demo"]) == 2
    assert "the demo needs elpv_dataset" in capsys.readouterr().err


def test_the_command_starts_without_heavy_imports() -> None:
    program = "import sys, standalone.__main__, standalone.up; print([m for m in ('torch', 'onnxruntime', 'matplotlib', 'cv2', 'rich') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
