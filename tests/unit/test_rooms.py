"""Rooms stay light: what a service imports at its start, seen in a fresh interpreter. Heavy libraries cost seconds and hundreds of megabytes."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOG_CLIENTS = {"kafka"}
TRAINING = {"torch", "onnx"}
RUNTIME = {"onnxruntime"}
TEST_ONLY = {"sklearn", "river", "hypothesis", "pytest", "PIL"}

FORBIDDEN = {
    "contracts.log": LOG_CLIENTS | TRAINING | RUNTIME | TEST_ONLY | {"cv2", "scipy", "pandas"},
    "contracts.repository": LOG_CLIENTS | TRAINING | RUNTIME | TEST_ONLY | {"cv2", "scipy", "pandas"},
    "contracts.events": LOG_CLIENTS | TRAINING | RUNTIME | TEST_ONLY | {"cv2", "scipy", "pandas"},
    "contracts.frames": LOG_CLIENTS | TRAINING | RUNTIME | TEST_ONLY | {"scipy", "pandas"},
    "contracts.settings": LOG_CLIENTS | TRAINING | RUNTIME | TEST_ONLY | {"cv2", "scipy", "pandas", "numpy"},
    "serving.__main__": TRAINING | TEST_ONLY | {"scipy", "monitor", "retrain", "standalone", "pandas", "matplotlib"},
    "monitor.__main__": TRAINING | RUNTIME | TEST_ONLY | {"serving", "retrain", "standalone", "pandas", "evidently", "matplotlib"},
    "retrain.__main__": TRAINING | RUNTIME | TEST_ONLY | {"serving", "monitor", "standalone", "pandas", "matplotlib"},
    "retrain.labels.command": LOG_CLIENTS
    | TRAINING
    | RUNTIME
    | TEST_ONLY
    | {"serving", "monitor", "standalone", "pandas", "matplotlib", "scipy", "cv2", "yaml"},
    "standalone.__main__": TRAINING | RUNTIME | TEST_ONLY | {"serving", "monitor", "retrain", "pandas", "matplotlib"},
}

LOADED = "import json, sys, importlib; importlib.import_module(sys.argv[1]); print(json.dumps(sorted(sys.modules)))"


def loaded(module: str) -> set[str]:
    """The top-level packages that importing a module brings in."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, module],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("module", FORBIDDEN)
def test_importing_stays_light(module: str) -> None:
    assert loaded(module) & FORBIDDEN[module] == set()


@pytest.mark.parametrize("room", ["contracts", "serving", "monitor", "retrain", "standalone"])
def test_importing_a_room_writes_nothing_and_starts_nothing(room: str) -> None:
    script = f"import threading, {room}; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=150, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_every_room_is_placed() -> None:
    """A new top-level package must be placed: in the layers, in mypy's packages and, unless it only measures, among what is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    layers = project["importlinter"]["contracts"][0]["layers"]
    assert {name.strip() for layer in layers for name in layer.split("|")} == packages
    assert set(project["importlinter"]["root_packages"]) == packages
    assert set(project["mypy"]["packages"]) == packages
    assert {name.rstrip("*") for name in project["setuptools"]["packages"]["find"]["include"]} == packages - {"benchmarks"}
