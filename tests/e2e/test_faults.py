"""Two minutes of the full stack under load with every fault injected: the command ends with 0, for every equation of the reconciliation holds."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.form import Result
from tests.kafka_cluster import LAUNCHER, missing

ROOT = Path(__file__).parents[2]


def ran(out: Path, *options: str) -> Result:
    """The result of a run, which must have ended well."""
    command = [sys.executable, "-m", "benchmarks.faults", "--minutes", "2", "--out", str(out), *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=540)
    assert run.returncode == 0, f"{run.stdout[-4000:]}{run.stderr[-2000:]}"
    return msgspec.json.decode((out / "faults-quick.json").read_bytes(), type=Result)


def figures(result: Result, part: str) -> dict[str, float | None]:
    return {figure.name.partition("|")[0]: figure.value for figure in result.figures if figure.part == part}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_minutes_of_faults_end_with_every_frame_accounted_for(tmp_path: Path) -> None:
    result = ran(tmp_path)
    load, faults = figures(result, "load"), figures(result, "faults")
    assert (load["of these answered"] or 0) > 5000
    assert load["dead letters"] == 24
    assert {"serving killed", "monitor killed", "retrain killed", "log away", "clock of the machine", "poison"} <= faults.keys()
    if "spool's disk full" in faults:
        assert (load["events dropped by a full disk, as counted"] or 0) > 0
    assert "All " in (tmp_path / "faults-quick.md").read_text()


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.timeout(600)
def test_the_same_with_a_broker_that_is_killed(tmp_path: Path) -> None:
    if not os.environ.get(LAUNCHER):
        missing(f"set {LAUNCHER} to a launcher of genuine Kafka brokers")
    faults = ("log away", "clock of a server", "serving killed", "duplicates", "rolling restart")
    result = ran(tmp_path, "--log", "kafka", *(option for name in faults for option in ("--only", name)))
    assert figures(result, "faults").keys() == set(faults)
