"""Versions that pass every check of their files and their loading, and are unfit for frames that come later: bright ones."""

from typing import Literal

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from contracts.repository import ModelRepository

BRIGHT = 0.98
"""Mean of a frame (0 to 1) above which such a version is unfit. Photographs of a clear sky come to 0.96."""


def publish_unfit_version(repository: str, version: str, how: Literal["fails", "nan"], model: str = "small") -> None:
    """Version 1 with a flaw: on bright frames it raises in the middle of the graph, or its scores are not numbers."""
    of = ModelRepository(repository)
    first = of.read(model, "1")
    graph = onnx.load_from_string(first.model)
    layer = next(node for node in graph.graph.node if node.op_type == "Gemm")
    layer.output[0] = "sound scores"
    nodes = [helper.make_node("ReduceMean", ["unit"], ["brightness"], axes=[1, 2, 3], keepdims=0)]
    constants = [numpy_helper.from_array(np.array(BRIGHT, np.float32), "bright")]
    if how == "fails":  # looks up row 1 of a table that has row 0 only
        nodes += [
            helper.make_node("Greater", ["brightness", "bright"], ["is bright"]),
            helper.make_node("Cast", ["is bright"], ["row"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "row"], ["zero"]),
        ]
        constants.append(numpy_helper.from_array(np.zeros((1, 1), np.float32), "table"))
    else:  # the root of a negative number
        nodes += [
            helper.make_node("Sub", ["bright", "brightness"], ["room"]),
            helper.make_node("Sqrt", ["room"], ["root"]),
            helper.make_node("Mul", ["root", "nothing"], ["flat"]),
            helper.make_node("Unsqueeze", ["flat", "column"], ["zero"]),
        ]
        constants.append(numpy_helper.from_array(np.array(0.0, np.float32), "nothing"))
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "column"))
    nodes.append(helper.make_node("Add", ["sound scores", "zero"], ["scores"]))
    graph.graph.node.extend(nodes)
    graph.graph.initializer.extend(constants)
    onnx.checker.check_model(graph, full_check=True)
    manifest = msgspec.structs.replace(first.manifest, version=version, files={})
    of.publish(manifest, graph.SerializeToString(), first.baseline, first.golden)
