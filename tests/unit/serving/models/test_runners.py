"""Bound batches on the CPU's device: padded, never mixed up, and each answer the session's own."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contracts.repository import ModelRepository, Version
from serving.models.runners import BoundRunner, PlainRunner, buckets_to, fitting
from serving.models.runtime import session_options
from tests.small_model import publish_small_version

FRAMES = np.random.default_rng(1).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    folder = str(tmp_path_factory.mktemp("repository"))
    publish_small_version(folder)
    return ModelRepository(folder).read("small", "1")


def _session(model: bytes) -> ort.InferenceSession:
    return ort.InferenceSession(model, session_options(), providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def bound(version: Version) -> BoundRunner:
    return BoundRunner(_session(version.model), version.manifest, (1, 2, 4, 6), "cpu")


@pytest.fixture(scope="module")
def expected(version: Version) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    scores, embedding = _session(version.model).run(["scores", "embedding"], {"image": FRAMES})
    return scores, embedding


@pytest.mark.parametrize(
    ("most", "buckets"), [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (8, (1, 2, 4, 8)), (12, (1, 2, 4, 8, 12)), (16, (1, 2, 4, 8, 16))]
)
def test_buckets(most: int, buckets: tuple[int, ...]) -> None:
    assert buckets_to(most) == buckets
    for count in range(1, most + 1):
        assert fitting(count, buckets) == min(bucket for bucket in buckets if bucket >= count)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=20))
def test_every_frame_gets_its_own_answer(
    version: Version, bound: BoundRunner, expected: tuple[NDArray[np.float32], NDArray[np.float32]], rows: list[int]
) -> None:
    for runner in (bound, PlainRunner(_session(version.model), version.manifest)):
        scores, embedding = runner.run(FRAMES[rows])
        assert np.allclose(scores, expected[0][rows], atol=1e-5)
        assert np.allclose(embedding, expected[1][rows], atol=1e-6)


def test_answers_outlive_the_next_run(bound: BoundRunner, expected: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
    scores, embedding = bound.run(FRAMES[:4])
    bound.run(FRAMES[4:8])
    assert np.allclose(scores, expected[0][:4], atol=1e-5)
    assert np.allclose(embedding, expected[1][:4], atol=1e-6)


def test_nothing_of_an_earlier_batch_is_left_in_a_padded_one(version: Version) -> None:
    """A graph whose answer depends on the whole batch sees black, not other cameras' frames."""
    graph = onnx.load_from_string(version.model)
    graph.graph.node[-1].output[0] = "own"
    graph.graph.node.append(onnx.helper.make_node("CumSum", ["own", "axis"], ["scores"], reverse=1))
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array(0, np.int64), "axis"))
    runner = BoundRunner(_session(graph.SerializeToString()), version.manifest, (4,), "cpu")
    first, _ = runner.run(FRAMES[:3])
    runner.run(FRAMES[8:12])
    again, _ = runner.run(FRAMES[:3])
    assert np.array_equal(first, again)


def test_half_precision_of_the_outputs_is_read(version: Version, tmp_path: Path) -> None:
    graph = onnx.load_from_string(version.model)
    graph.graph.node[-1].output[0] = "exact"
    graph.graph.node.append(onnx.helper.make_node("Cast", ["exact"], ["scores"], to=onnx.TensorProto.FLOAT16))
    graph.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    runner = BoundRunner(_session(graph.SerializeToString()), version.manifest, (2,), "cpu")
    assert runner.run(FRAMES[:1])[0].dtype == np.float32
