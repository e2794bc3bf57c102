"""`keepsight labels` hands over to retrain's process with the settings file of the house."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from standalone import __main__ as keepsight
from standalone.settings_file import write_house


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that would have been run."""
    found: list[list[str]] = []

    def run(command: list[str], **how: Any) -> subprocess.CompletedProcess[bytes]:
        found.append(command[1:])
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    return found


def test_a_house_in_this_folder_counts(handed: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KEEPSIGHT_SETTINGS", raising=False)
    keepsight.main(["labels", "next"])
    write_house(tmp_path)
    assert keepsight.main(["labels", "import", "a.csv"]) == 1
    keepsight.main(["labels", "import", "a.csv", "--settings", "other.toml"])
    keepsight.main(["labels", "--help"])
    module = ["-m", "retrain.labels.command"]
    assert handed == [
        [*module, "next"],
        [*module, "import", "a.csv", "--settings", "keepsight.toml"],
        [*module, "import", "a.csv", "--settings", "other.toml"],
        [*module, "--help"],
    ]


def test_it_ends_as_the_process_does(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    house = write_house(tmp_path)
    assert keepsight.main(["labels", "import", str(tmp_path / "none.csv"), "--settings", str(house)]) == 2
    assert "none.csv cannot be read" in capfd.readouterr().err
