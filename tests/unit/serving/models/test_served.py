"""A version held ready: probabilities by definition, and everything that makes a version unfit."""

import gc
import weakref
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from contracts import frames as framing
from contracts.errors import VersionError
from contracts.manifest import InputSpec
from contracts.predictions import Classification
from contracts.repository import ModelRepository, Version
from serving.models.probabilities import to_probabilities
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests.small_model import SPEC, photographs, publish_small_version, run_small

CPU = Runtime(How("cpu", 4))


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = str(tmp_path_factory.mktemp("repository"))
    publish_small_version(folder)
    return ModelRepository(folder).read("small", "1")


def _with(version: Version, **fields: Any) -> Version:
    return Version(msgspec.structs.replace(version.manifest, **fields), version.model, version.baseline)


def test_scores_are_the_graphs_and_the_embedding_is_the_baselines(version: Version) -> None:
    contents, _ = photographs(10, seed=4)
    images = np.stack([framing.prepare(framing.decode(content), SPEC) for content in contents])
    logits, embedding = run_small(version.model, images)
    exact = np.exp(logits.astype(np.float64)) / np.exp(logits.astype(np.float64)).sum(axis=1, keepdims=True)
    axes = version.baseline.project(embedding)
    headers = [framing.inspect(content) for content in contents]
    for scores, probabilities, row in zip(open_served(version, CPU).score(images, headers, 0), exact, axes, strict=True):
        assert scores
        assert isinstance(scores.prediction, Classification)
        assert scores.prediction.probability_of("china") == pytest.approx(probabilities[0], abs=1e-6)
        assert scores.embedding == pytest.approx(row.tolist(), abs=1e-4)


@given(st.lists(st.lists(st.floats(-1e30, 1e30), min_size=3, max_size=3), min_size=1, max_size=4), st.floats(0.05, 20))
def test_softmax_is_safe(version: Version, rows: list[list[float]], temperature: float) -> None:
    manifest = msgspec.structs.replace(version.manifest, temperature=temperature)
    found = to_probabilities(np.array(rows, np.float32), manifest)
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1)


def test_temperature_divides_the_logits(version: Version) -> None:
    manifest = msgspec.structs.replace(version.manifest, temperature=2.0)
    assert to_probabilities(np.array([[4.0, 0.0]], np.float32), manifest)[0, 0] == pytest.approx(1 / (1 + np.exp(-2)))


def test_probabilities_are_normalised_and_nonsense_is_not_a_number(version: Version) -> None:
    manifest = msgspec.structs.replace(version.manifest, scores_are="probabilities")
    found = to_probabilities(np.array([[0.2, 0.6], [0, 0], [-0.5, 1.5], [np.nan, 1]], np.float32), manifest)
    assert found[0] == pytest.approx([0.25, 0.75])
    assert not np.isfinite(found[1:]).all(axis=1).any()


def test_a_version_is_freed_when_nobody_holds_it(version: Version) -> None:
    served = open_served(version, CPU)
    session = weakref.ref(served._runners[0]._session)  # type: ignore[attr-defined]  # a PlainRunner's
    del served
    gc.collect()
    assert session() is None


def test_a_graph_of_one_frame_at_a_time_is_served_too(version: Version) -> None:
    graph = onnx.load_from_string(version.model)
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    for output in graph.graph.output:
        output.type.tensor_type.shape.dim[0].dim_value = 1
    one = open_served(Version(version.manifest, graph.SerializeToString(), version.baseline), CPU)
    contents = photographs(3)[0]
    images, headers = np.stack([framing.see(content, SPEC) for content in contents]), [framing.inspect(one) for one in contents]
    many = open_served(version, CPU)
    for mine, other in zip(one.score(images, headers, 0), many.score(images, headers, 0), strict=True):
        assert mine
        assert other
        assert mine.probabilities == pytest.approx(other.probabilities, abs=2e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input": InputSpec("picture", 32, 32)}, "names the input 'picture', its graph takes \\['image'\\]"),
        ({"input": InputSpec("image", 64, 32)}, "expected tensor\\(uint8\\) \\[N or 1, 64, 32, 3\\]"),
        ({"scores": "logits"}, "names the output 'logits'"),
        ({"labels": ("a", "b", "c")}, "answers scores \\(1, 2\\)"),
        ({"embedding": "scores"}, "embedding \\(1, 2\\)"),
        ({"task": "detection", "boxes": "scores"}, "gives 'scores' as \\['N', 2\\], expected \\[N, M, 6\\]"),
    ],
)
def test_a_version_that_is_not_what_its_manifest_says_is_refused(version: Version, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(VersionError, match=message):
        open_served(_with(version, **fields), CPU)


def test_a_file_that_is_no_graph_is_refused(version: Version) -> None:
    with pytest.raises(VersionError, match="is no ONNX model"):
        open_served(Version(version.manifest, b"no graph", version.baseline), CPU)
    graph = onnx.load_from_string(version.model)
    graph.graph.node[0].op_type = "Nonsense"
    with pytest.raises(VersionError, match="cannot be run by ONNX Runtime"):
        open_served(Version(version.manifest, graph.SerializeToString(), version.baseline), CPU)


def test_a_version_that_answers_its_golden_frames_otherwise_is_refused(version: Version) -> None:
    graph = onnx.load_from_string(version.model)
    weights = next(one for one in graph.graph.initializer if one.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights)[:, ::-1].copy(), "weights"))
    swapped = Version(version.manifest, graph.SerializeToString(), version.baseline, version.golden)
    with pytest.raises(VersionError, match="does not answer its golden frames as it did"):
        open_served(swapped, CPU)
    unproved = Version(version.manifest, graph.SerializeToString(), version.baseline)
    assert open_served(unproved, CPU).golden_frames == 0
    assert open_served(version, CPU).golden_frames == 8


def test_outputs_that_are_not_finite_are_found_in_the_warm_up(version: Version) -> None:
    graph = onnx.load_from_string(version.model)
    weights = next(one for one in graph.graph.initializer if one.name == "bias")
    weights.CopyFrom(numpy_helper.from_array(np.full(2, np.nan, np.float32), "bias"))
    with pytest.raises(VersionError, match="not finite numbers in the warm-up"):
        open_served(Version(version.manifest, graph.SerializeToString(), version.baseline), CPU)


def test_floats_are_refused_as_input(version: Version) -> None:
    node = helper.make_node("GlobalAveragePool", ["image"], ["scores"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 32, 32, 3]) for name in ("image", "scores")]
    graph = helper.make_graph([node], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    with pytest.raises(VersionError, match="takes tensor\\(float\\)"):
        open_served(Version(msgspec.structs.replace(version.manifest, embedding="scores"), model, version.baseline), CPU)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_gpu_that_was_asked_for_and_is_not_there_is_told(
    version: Version, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(VersionError, match="install keepsight\\[gpu\\] instead of keepsight\\[cpu\\]"):
        open_served(version, Runtime(How(provider, 4)))


def test_a_session_that_fell_back_to_the_cpu_is_told(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    session = ort.InferenceSession
    monkeypatch.setattr(
        ort, "InferenceSession", lambda model, options, providers: session(model, options, providers=["CPUExecutionProvider"])
    )
    with pytest.raises(VersionError, match="the session runs on CPUExecutionProvider"):
        open_served(version, Runtime(How("cuda", 4)))
    assert open_served(version, Runtime(How("auto", 4))).provider == "CPUExecutionProvider"
