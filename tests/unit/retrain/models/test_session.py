"""What a version sees of frames, in chunks that are kept."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.datasets import load_sample_images

from contracts.errors import FrameError, VersionError
from contracts.files import Folder
from contracts.frames import decode, measure, prepare
from contracts.manifest import InputSpec
from contracts.statistics import vector
from retrain.models.session import CHUNK, Session, concatenate, pack, unpack, views

SPEC = InputSpec("image", 8, 8)


def mean_colour() -> bytes:
    """uint8 frames [N, 8, 8, 3] to their mean colour [N, 3], which stands for the scores too."""
    nodes = [
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["embedding"], axes=[1, 2], keepdims=0),
        helper.make_node("Neg", ["embedding"], ["scores"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in ("scores", "embedding")]
    made = helper.make_graph(nodes, "mean", [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 8, 8, 3])], outputs)
    return onnx.ModelProto.SerializeToString(helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8))


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(mean_colour(), SPEC, "embedding", "scores")


@pytest.fixture(scope="module")
def contents() -> list[bytes]:
    photograph = load_sample_images().images[0]
    crops = [photograph[20 * i : 20 * i + 60, 30 * i : 30 * i + 80] for i in range(18)]
    return [cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))[1].tobytes() for crop in crops]


def test_views_are_what_production_sees(session: Session, contents: list[bytes]) -> None:
    seen = views(session, contents, threads=2)
    assert len(seen) == 18 > CHUNK
    for row, content in enumerate(contents):
        prepared = prepare(decode(content), SPEC)
        statistics = measure(prepared)[0]
        assert np.abs(seen.embedding[row] - prepared.reshape(-1, 3).mean(axis=0)).max() < 1e-3
        assert (seen.scores[row] == -seen.embedding[row]).all()
        assert seen.statistics[row] == pytest.approx(vector(statistics), rel=1e-6)
        assert int(seen.phash[row]) == int(statistics.phash, 16)


def test_kept_chunks_are_read_and_damaged_ones_made_again(session: Session, contents: list[bytes], tmp_path: Path) -> None:
    told: list[float] = []
    cache = Folder(str(tmp_path))
    first = views(session, contents, cache, 1, told.append)
    assert told == [0.5, 1.0]
    names = cache.names()
    assert len(names) == 2
    altered = unpack(cache.read(names[0]))
    assert altered is not None
    cache.write(names[0], pack(concatenate([altered.rows(np.arange(len(altered))[::-1].copy())])))
    assert (views(session, contents, cache).embedding != first.embedding).any()
    cache.write(names[0], b"PK torn")
    assert (views(session, contents, cache).embedding == first.embedding).all()


def test_another_model_finds_none_of_the_chunks(session: Session, contents: list[bytes], tmp_path: Path) -> None:
    cache = Folder(str(tmp_path))
    views(session, contents, cache)
    headless = views(Session(mean_colour(), SPEC, "embedding", None), contents, cache)
    assert headless.scores.shape == (18, 0)
    assert len(cache.names()) == 4


def test_a_frame_that_does_not_decode_and_a_graph_that_does_not_load_say_so(session: Session) -> None:
    with pytest.raises(FrameError):
        views(session, [b"no picture"])
    with pytest.raises(VersionError, match="ONNX Runtime cannot load the graph"):
        Session(b"no graph", SPEC, "embedding", "scores")
