"""Versions that must not serve, and the way back, at a real process under load: nobody who sends frames notices either."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from contracts.repository import ModelRepository
from tests.serving_process import CAMERAS, Load, ServingProcess, eventually
from tests.small_model import photographs, publish_small_version, set_channels

FRAMES, _ = photographs(8, seed=3)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path)
    publish_small_version(house.repository)
    yield house
    house.stop()


def _turned(model: onnx.ModelProto) -> None:
    """The classes change places: a graph that was converted wrongly, and says so nowhere."""
    weights = next(one for one in model.graph.initializer if one.name == "weights")
    weights.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(numpy_helper.to_array(weights)[:, ::-1]), "weights"))


def _beside(model: onnx.ModelProto) -> None:
    weights = next(one for one in model.graph.initializer if one.name == "weights")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../../../etc/passwd")


def _foreign(model: onnx.ModelProto) -> None:
    model.graph.node.add(op_type="Run", domain="evil.ops", input=["image"], output=["nothing"])


def _publish_as(house: ServingProcess, version: str, change: Callable[[onnx.ModelProto], None]) -> None:
    """Version 1 changed, its manifest true to the changed file."""
    repository = ModelRepository(house.repository)
    first = repository.read("small", "1")
    model = onnx.load_from_string(first.model)
    change(model)
    manifest = msgspec.structs.replace(first.manifest, version=version, files={})
    repository.publish(manifest, model.SerializeToString(), first.baseline, first.golden)


def test_under_load_unfit_versions_are_refused_and_nobody_notices(serving: ServingProcess) -> None:
    unfit = {
        "2": (_turned, "does not answer its golden frames"),
        "3": (_beside, "lies in another file ('../../../../etc/passwd')"),
        "4": (_foreign, "the domain 'evil.ops'"),
    }
    for version, (change, _) in unfit.items():
        _publish_as(serving, version, change)
    serving.start()
    with Load(serving, FRAMES, CAMERAS) as load:
        for number, (version, (_, message)) in enumerate(unfit.items(), start=1):
            set_channels(serving.repository, champion=version, previous="1")
            refused = eventually("version_refused", partial(serving.said, "version_refused"), lambda said, n=number: len(said) == n)
            assert message in refused[-1]["error"]
            assert refused[-1]["serving"] == "1"
        so_far = len(load.answers)
        eventually("answers", lambda: len(load.answers), lambda count: count > so_far + 20)
    assert not load.refused
    assert not load.broken
    assert {answer["version"] for _, answer in load.answers} == {"1"}


def test_a_rollback_under_load_loads_nothing(serving: ServingProcess) -> None:
    publish_small_version(serving.repository, version="2", seed=1, champion=False)
    serving.start()
    with Load(serving, FRAMES, CAMERAS) as load:
        for champion, previous in (("2", "1"), ("1", "2"), ("2", "1"), ("1", None)):
            set_channels(serving.repository, champion=champion, previous=previous)
            eventually(f"{champion} answers", lambda: {answer["version"] for _, answer in load.answers[-20:]}, {champion}.__eq__)
    assert not load.refused
    assert not load.broken
    assert [line["version"] for line in serving.said("version_loaded")] == ["1", "2"]
    assert serving.said("version_loaded")[0]["golden_frames"] == 8
    assert serving.said("version_loaded")[0]["places"]["cpu"] == "runs"
    assert serving.metric("keepsight_serving_provider", provider="cpu", reason="runs") == 1
    assert serving.metric("keepsight_serving_provider") == 1
