"""bench-gpu on the CPU's provider: its measurements run and take the form of results; the figures are worth nothing here."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import devices, latency, measure, memory, modes, subject, throughput
from contracts import frames as framing
from contracts.repository import ModelRepository, Version
from serving.models.runtime import How
from tests.small_model import publish_small_version


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    publish_small_version(str(tmp_path))
    version = ModelRepository(str(tmp_path)).read("small", "1")
    for part in (throughput, latency, memory):
        monkeypatch.setattr(part, "subject", lambda _: version)
        monkeypatch.setattr(part, "modes", lambda _: {"full": How("cpu", 4)})
    return version


def test_the_parts_give_their_figures(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    rate, times_ms = measure.rate, measure.times_ms
    monkeypatch.setattr(throughput, "rate", lambda run, frames, _, threads, repeats: rate(run, frames, 0.005, threads, repeats))
    monkeypatch.setattr(latency, "times_ms", lambda run, frames, _: times_ms(run, frames, 3))
    monkeypatch.setattr(memory, "memory_mib", lambda: 100.0)
    monkeypatch.setattr(memory, "name", lambda: "no GPU")
    ours, share = throughput.figures(quick=True)
    assert ours.value
    assert ours.value > 0
    assert share.ok is (share.value is not None and share.value >= 0.9)
    assert next(iter(ours.peers)).startswith("bare ONNX Runtime, batch ")
    assert [one.name for one in latency.figures(quick=True)] == [f"full, batch {size}" for size in modes.BATCHES]
    assert [one.value for one in memory.figures(quick=True)] == [0.0, 0.0]


def test_what_is_measured_covers_every_mode_and_the_quick_version_compiles_nothing() -> None:
    assert set(modes.modes(quick=False)) == set(modes.MODES)
    assert all(how.provider == "cuda" for how in modes.modes(quick=True).values())
    assert modes.BATCHES == (1, 2, 4, 8, 16, 32, 64)


def test_without_a_gpu_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "install keepsight[gpu]" in (devices.missing() or "")
    monkeypatch.setattr(devices.ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setenv("PATH", "")
    assert "no NVIDIA GPU answers" in (devices.missing() or "")


@pytest.mark.slow
def test_the_version_that_is_measured_sees_reduced_frames_as_new_models_do(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs keepsight[train,demo]")
    pytest.importorskip("efficientnet_lite_pytorch", reason="needs keepsight[train,demo]")
    version = subject.subject(str(tmp_path))
    spec, contents = version.manifest.input, subject.photographs(8)
    assert [framing.reduction(framing.inspect(one), spec) for one in contents] == [2] * 8
    assert version.golden is not None
    assert np.array_equal(version.golden.pixels[0], framing.see(contents[0], spec))
    assert subject.subject(str(tmp_path)).digest == version.digest
