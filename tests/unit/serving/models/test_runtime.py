"""Sessions as they are asked of ONNX Runtime: options for each place, formats, and half precision judged by golden frames."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from contracts.errors import VersionError
from contracts.frame_header import Header
from contracts.repository import ModelRepository, Version
from serving.models.acceptance import check_golden, warm_up
from serving.models.half import halved
from serving.models.owner import OwnedRunner, Owner
from serving.models.runners import BoundRunner, PlainRunner
from serving.models.runtime import How, Runtime, providers, session_options
from serving.models.served import open_served
from tests.small_model import publish_small_version


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = str(tmp_path_factory.mktemp("repository"))
    publish_small_version(folder)
    return ModelRepository(folder).read("small", "1")


def _options(version: Version, place: Any, **how: Any) -> dict[str, dict[str, str]]:
    return dict(one for one in providers(version, place, 3, How(**how)) if isinstance(one, tuple))


def test_cuda(version: Version) -> None:
    found = _options(version, "cuda", cuda_graphs=True, gpu_memory_bytes=1 << 30)
    assert found == {
        "CUDAExecutionProvider": {
            "device_id": "3",
            "cudnn_conv_algo_search": "HEURISTIC",
            "arena_extend_strategy": "kSameAsRequested",
            "enable_cuda_graph": "1",
            "gpu_mem_limit": "1073741824",
        }
    }
    assert "gpu_mem_limit" not in _options(version, "cuda")["CUDAExecutionProvider"]


def test_tensorrt(version: Version, tmp_path: Path) -> None:
    found = _options(version, "tensorrt", max_batch=16, precision="half", cuda_graphs=True, engines=tmp_path / "engines")
    assert list(found) == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    tensorrt = found["TensorrtExecutionProvider"]
    assert tensorrt["trt_profile_min_shapes"] == "image:1x32x32x3"
    assert tensorrt["trt_profile_opt_shapes"] == tensorrt["trt_profile_max_shapes"] == "image:16x32x32x3"
    assert tensorrt["trt_fp16_enable"] == "1"
    assert Path(tensorrt["trt_engine_cache_path"]) == tmp_path / "engines" / f"{version.digest[:16]}-half"
    assert Path(tensorrt["trt_engine_cache_path"]).is_dir()
    assert found["CUDAExecutionProvider"]["enable_cuda_graph"] == "0"  # what CUDA runs of it would be captured in pieces


def test_the_other_format_that_onnx_runtime_reads_is_not_read(version: Version, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.log_severity_level = 4
    ort.InferenceSession(version.model, options, providers=["CPUExecutionProvider"])
    compiled = (tmp_path / "model.ort").read_bytes()
    assert ort.InferenceSession(compiled, providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match="protobuf parsing failed"):
        ort.InferenceSession(compiled, session_options(), providers=["CPUExecutionProvider"])
    with pytest.raises(VersionError, match="is no ONNX model"):
        open_served(Version(version.manifest, compiled, version.baseline), Runtime(How("cpu")))


def test_a_model_above_the_bound(version: Version) -> None:
    with pytest.raises(VersionError, match="max_model_bytes allows 100"):
        open_served(version, Runtime(How("cpu", max_model_bytes=100)))


def test_half_precision_is_judged_by_the_golden_frames(version: Version) -> None:
    def runner(model: bytes) -> PlainRunner:
        return PlainRunner(ort.InferenceSession(model, session_options(), providers=["CPUExecutionProvider"]), version.manifest)

    half = halved(version.model)
    assert {one.data_type for one in onnx.load_from_string(half).graph.initializer} == {onnx.TensorProto.FLOAT16}
    check_golden(version, runner(half), "half")
    graph = onnx.load_from_string(version.model)  # sums that 16 bits cannot hold: 65,504 is their largest number
    for one in graph.graph.initializer:
        if one.name in ("weights", "bias"):
            one.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(one) * np.float32(1e6), one.name))
    exact = graph.SerializeToString()
    with pytest.raises(VersionError, match="precision half"):
        check_golden(version, runner(halved(exact)), "half")


def test_a_graph_that_cannot_be_halved() -> None:
    with pytest.raises(VersionError, match="cannot be converted to half precision"):
        halved(b"no graph")


def test_a_version_on_an_owned_device_passes_the_same_tests(version: Version) -> None:
    """All that serves on a GPU, on the CPU's device."""
    session = ort.InferenceSession(version.model, session_options(), providers=["CPUExecutionProvider"])
    runner = OwnedRunner(BoundRunner(session, version.manifest, (1, 2, 4), "cpu"), Owner(0))
    warm_up(version, runner)
    check_golden(version, runner, "full")


class _SaysCuda:
    """A real session on the CPU that says that it runs on CUDA: everything above ONNX Runtime goes the GPU's way."""

    made: list[tuple[bytes, Any]]

    def __init__(self, model: bytes, options: Any, providers: Any) -> None:
        type(self).made.append((model, providers))
        self._session = ort.capi.onnxruntime_inference_collection.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.fixture
def says_cuda(monkeypatch: pytest.MonkeyPatch) -> type[_SaysCuda]:
    _SaysCuda.made = []
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(ort, "InferenceSession", _SaysCuda)
    monkeypatch.setattr(
        "serving.models.runtime.BoundRunner", lambda session, manifest, sizes, *_: BoundRunner(session, manifest, sizes, "cpu")
    )
    return _SaysCuda


def test_workers_are_dealt_out_over_the_devices(version: Version, says_cuda: type[_SaysCuda]) -> None:
    runtime = Runtime(How("auto", max_batch=4, devices=(0, 3)))
    served = open_served(version, runtime)
    assert served.places["cuda"] == "runs"
    assert [dict(providers[:1])["CUDAExecutionProvider"]["device_id"] for _, providers in says_cuda.made] == ["0", "3"]
    assert [runner.sizes for runner in served._runners] == [(1, 2, 4)] * 2
    owners = [runner._owner.device for runner in (served._runners[worker % 2] for worker in range(4))]  # type: ignore[attr-defined]
    assert owners == [0, 3, 0, 3]
    assert version.golden is not None
    headers = [Header("png", 32, 32)] * len(version.golden)
    exact = open_served(version, Runtime(How("cpu"))).score(version.golden.pixels, headers, 0)
    for worker in range(4):
        for mine, other in zip(served.score(version.golden.pixels, headers, worker), exact, strict=True):
            assert mine is not None
            assert other is not None
            assert mine.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    again = open_served(version, runtime)
    assert again._runners[0]._owner is served._runners[0]._owner  # type: ignore[attr-defined]  # one owner a device, for every version


def test_half_precision_is_loaded_converted_and_proved(version: Version, says_cuda: type[_SaysCuda]) -> None:
    open_served(version, Runtime(How("cuda", precision="half")))
    assert says_cuda.made[0][0] == halved(version.model)
    with pytest.raises(VersionError, match="no golden frames to show that half precision suffices"):
        open_served(Version(version.manifest, version.model, version.baseline), Runtime(How("cuda", precision="half")))


def test_what_cannot_be_captured_is_told(version: Version, says_cuda: type[_SaysCuda], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("an operator runs on the CPU")

    monkeypatch.setattr("serving.models.runtime.BoundRunner", fails)
    with pytest.raises(VersionError, match="an operator runs on the CPU; \\[serving\\] cuda_graphs is on"):
        open_served(version, Runtime(How("cuda", cuda_graphs=True)))
    with pytest.raises(VersionError, match=r"an operator runs on the CPU$"):
        open_served(version, Runtime(How("cuda")))
