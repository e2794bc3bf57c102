"""The same promises on a real GPU. Without one, or without keepsight[gpu], every test here is skipped by name."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu import devices
from contracts.repository import ModelRepository, Version
from serving.models.runtime import How, Runtime
from serving.models.served import Served, open_served
from tests.serving_process import ServingProcess
from tests.small_model import photographs, publish_small_version

MISSING = devices.missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(MISSING is not None, reason=f"needs a GPU: {MISSING}")]
CUDA = How("cuda", 8)
FRAMES = np.random.default_rng(1).integers(0, 256, (21, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = str(tmp_path_factory.mktemp("repository"))
    publish_small_version(folder)
    return ModelRepository(folder).read("small", "1")


def _same(served: Served, version: Version, within: float) -> None:
    exact = open_served(version, Runtime(How("cpu"))).run(FRAMES, 0)
    for rows in ([0], [1, 2, 3], list(range(8)), list(range(21))):
        scores, embedding = served.run(FRAMES[rows], 0)
        assert np.allclose(scores, exact[0][rows], atol=within)
        assert np.allclose(embedding, exact[1][rows], atol=within)


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize(("precision", "within"), [("full", 0.01), ("half", 0.1)])
def test_answers_are_the_cpus(version: Version, graphs: bool, precision: str, within: float) -> None:
    how = replace(CUDA, cuda_graphs=graphs, precision=precision)
    served = open_served(version, Runtime(how))
    assert served.provider == "CUDAExecutionProvider"
    assert served.places == {"cuda": "runs", "cpu": "not asked for", "tensorrt": "not asked for"}
    _same(served, version, within)


def test_two_versions_share_the_owner_and_keep_apart(version: Version, tmp_path: Path) -> None:
    publish_small_version(str(tmp_path), version="2", seed=9)
    other = ModelRepository(str(tmp_path)).read("small", "2")
    runtime = Runtime(replace(CUDA, cuda_graphs=True))
    first, second = open_served(version, runtime), open_served(other, runtime)
    for _ in range(3):
        _same(first, version, 0.01)
        _same(second, other, 0.01)


def test_tensorrt_compiles_once(version: Version, tmp_path: Path) -> None:
    how = replace(CUDA, provider="tensorrt", engines=tmp_path)
    try:
        served = open_served(version, Runtime(how))
    except Exception as error:
        pytest.skip(f"needs TensorRT: {error}")
    _same(served, version, 0.01)
    engines = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.engine")}
    assert engines
    _same(open_served(version, Runtime(how)), version, 0.01)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.engine")} == engines


def test_a_serving_process_answers_from_the_gpu_and_says_so(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, provider="cuda", workers=4)
    publish_small_version(serving.repository)
    serving.start()
    try:
        for content in photographs(8)[0]:
            assert serving.answered(content)["version"] == "1"
        gauge = partial(serving.metric, "keepsight_serving_provider")
        assert gauge(provider="cuda", reason="runs") == gauge() == 1
        assert serving.said("version_loaded")[0]["provider"] == "CUDAExecutionProvider"
    finally:
        assert serving.stop() == 0
