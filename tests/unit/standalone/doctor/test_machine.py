"""GPUs, cores and memory beside what the settings ask for."""

import os
from pathlib import Path

import pytest

from standalone.doctor import machine
from tests.doctors import Settings


@pytest.mark.parametrize(
    ("provider", "fallback", "has", "driver", "verdict"),
    [
        ("auto", False, ["CPUExecutionProvider"], False, "ok"),
        ("auto", False, ["CPUExecutionProvider"], True, "warn"),
        ("cuda", False, ["CPUExecutionProvider"], True, "FAIL"),
        ("cuda", True, ["CPUExecutionProvider"], True, "warn"),
        ("cuda", False, ["CUDAExecutionProvider"], False, "FAIL"),
        ("cuda", False, ["CUDAExecutionProvider"], True, "ok"),
        ("cpu", False, None, False, "FAIL"),
    ],
)
def test_gpu(provider: str, fallback: bool, has: list[str] | None, driver: bool, verdict: str) -> None:
    assert machine.judged_gpu(provider, fallback, has, driver).verdict == verdict


@pytest.mark.parametrize(
    ("device", "devices", "torch", "gpus", "driver", "verdict"),
    [
        ("auto", 1, True, 0, False, "ok"),
        ("auto", 1, True, 0, True, "warn"),
        ("cpu", 1, True, 0, True, "ok"),
        ("cuda", 1, True, 0, True, "FAIL"),
        ("cuda", 1, True, 0, False, "FAIL"),
        ("cuda", 2, True, 1, True, "FAIL"),
        ("cuda", 2, True, 2, True, "ok"),
        ("auto", 1, False, 0, False, "FAIL"),
    ],
)
def test_training(device: str, devices: int, torch: bool, gpus: int, driver: bool, verdict: str) -> None:
    found = machine.judged_training(device, devices, torch, gpus, driver)
    assert (found.verdict, bool(found.fix)) == (verdict, verdict != "ok")


def test_training_is_looked_at_where_it_runs(told: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(machine, "_gpus", lambda: 0)
    assert [one.verdict for one in machine.training(told("retrain"))] == ["ok"]
    assert [one.verdict for one in machine.training(told("retrain", device="cuda"))] == ["FAIL"]
    told_elsewhere = told("retrain")
    told_elsewhere.own["launcher"] = "kubernetes"
    assert list(machine.training(told_elsewhere)) == []


def test_cores_and_memory(told: Settings, tmp_path: Path) -> None:
    both = [told(workers=4), told("retrain", threads=4)]
    assert [one.verdict for one in machine.judged_threads(both, 2.0, 1 << 29, {"OMP_NUM_THREADS": "8"})] == ["warn"] * 4
    assert [one.verdict for one in machine.judged_threads(both, 4.0, 1 << 33, {})] == ["ok"]
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text("1048576\n")
    assert (machine.cores(tmp_path), machine.memory(tmp_path)) == (0.5, 1 << 20)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.cores(tmp_path) == len(os.sched_getaffinity(0))
