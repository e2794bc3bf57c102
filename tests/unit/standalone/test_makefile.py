"""The set-up before the first `make demo`: quiet, with the reason in full where pip fails. Pip is played: what is tested is the recipe."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PIP = """Looking in indexes: https://index.example/simple
Collecting numpy==2.3.5 (from keepsight==0.1.0)
  Downloading numpy-2.3.5.whl (16.6 MB)
Collecting torch==2.13.0 (from keepsight==0.1.0)
"""
ENDS = {
    "well": "Installing collected packages: torch, numpy\nSuccessfully installed numpy-2.3.5 torch-2.13.0\n",
    "no package": "ERROR: Could not find a version that satisfies the requirement torch==2.13.0\nERROR: No matching distribution found for torch\n",
    "build": "  error: subprocess-exited-with-error\n  gcc: not found\n  note: This error originates from a subprocess\nERROR: Failed to build wheel\n",
    "away": "WARNING: Retrying (Retry(total=4)) after connection broken\nERROR: No matching distribution found for torch\n",
    "killed": "",
}


def set_up(folder: Path, end: str) -> subprocess.CompletedProcess[str]:
    """`make` of an environment in this folder by a Python whose pip says PIP and ends so."""
    pip = folder / "pip"
    pip.write_text(f"#!/bin/sh\ncat <<'END'\n{PIP}{ENDS[end]}END\nexit {0 if end == 'well' else 1}\n")
    python = folder / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} "$@"\nmkdir -p "$3/bin"\ncp {pip} "$3/bin/python"\nchmod +x "$3/bin/python"\n'
    )
    for file in (pip, python):
        file.chmod(0o755)
    command = ["make", "-C", str(ROOT), "--no-print-directory", f"VENV={folder}/venv", f"PYTHON={python}", f"{folder}/venv/.ready"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def test_a_set_up_that_goes_well_is_two_lines(tmp_path: Path) -> None:
    done = set_up(tmp_path, "well")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:] == ["  2 packages found, installing them"]
    assert (tmp_path / "venv" / ".ready").exists()
    assert "Downloading numpy" in (tmp_path / "venv" / "pip.log").read_text()


@pytest.mark.parametrize("end", ["no package", "build", "away", "killed"])
def test_a_set_up_that_fails_says_why_in_full_and_what_to_do(tmp_path: Path, end: str) -> None:
    done = set_up(tmp_path, end)
    assert done.returncode == 2
    assert not (tmp_path / "venv" / ".ready").exists()
    assert ENDS[end].replace("WARNING", "\nWARNING") in done.stdout
    assert "Downloading" not in done.stdout
    assert f"{tmp_path}/venv/pip.log. Mend the cause" in done.stdout
    assert set_up(tmp_path, "well").returncode == 0  # and goes on
