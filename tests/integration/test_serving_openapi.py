"""The OpenAPI document fuzzed at a real process by schemathesis: what is not documented is not answered, and nothing fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving_process import ServingProcess
from tests.small_model import publish_small_version

KNOWN = '[parameters]\nmodel = "small"\nversion = "1"\ncamera = "line-1"\n'
"""Names that exist, so that requests come past them."""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"))
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0
    assert '"level":"error"' not in (house.home / "serving.log").read_text()


def _fuzz(serving: ServingProcess, folder: Path, examples: int, names: str) -> None:
    (folder / "schemathesis.toml").write_text(names)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{serving.port}/openapi.json", "--seed", "1"]
    # A picture cannot be described by a schema, so what fits the schema may well be refused.
    command += ["--exclude-checks", "positive_data_acceptance", "--phases", "coverage,fuzzing", "--max-examples", str(examples)]
    command += ["--generation-database", "none", "--no-color"]
    plain = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False, env=plain)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def test_nothing_undocumented_is_answered(serving: ServingProcess, tmp_path: Path) -> None:
    _fuzz(serving, tmp_path, 15, KNOWN)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("names", ["", KNOWN], ids=["any names", "known names"])
def test_nothing_undocumented_is_answered_in_a_long_run(serving: ServingProcess, tmp_path: Path, names: str) -> None:
    _fuzz(serving, tmp_path, 500, names)
