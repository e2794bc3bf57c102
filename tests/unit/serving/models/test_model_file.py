"""What is refused before ONNX Runtime sees a byte of it, and that our reading of the file is ONNX's own."""

import itertools
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, onnx_ml_pb2

from contracts.errors import VersionError
from serving.models.model_file import IR_VERSIONS, OPSETS, check_model_file
from serving.models.model_schema import SCHEMA
from tests.small_model import small_onnx

LIMIT = 1 << 30
SMALL = small_onnx(np.ones((48, 2), np.float32), np.zeros(2, np.float32))
Change = Callable[[onnx.ModelProto], object]


def _refused(change: Change, message: str) -> None:
    model = onnx.load_from_string(SMALL)
    change(model)
    with pytest.raises(VersionError, match=message):
        check_model_file(model.SerializeToString(), LIMIT)


def _outside(tensor: onnx.TensorProto, location: str) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)


def _nested(inside: onnx.NodeProto, depth: int) -> onnx.NodeProto:
    for level in range(depth):
        graph = helper.make_graph([inside], f"level {level}", [], [])
        inside = helper.make_node("If", ["condition"], ["out"], then_branch=graph, else_branch=graph)
    return inside


def test_an_honest_file_passes() -> None:
    check_model_file(SMALL, len(SMALL))


def test_the_schema_is_onnxs_own() -> None:
    kinds = {3: "int64", 5: "int32", 9: "string", 14: "int32"}  # an enumeration is sent as an int32
    for name, fields in SCHEMA.items():
        theirs = getattr(onnx_ml_pb2, name).DESCRIPTOR.fields_by_name
        for field, (number, kind, repeats) in fields.items():
            found = theirs[field]
            of = found.message_type.name if found.message_type else kinds[found.type]
            assert (found.number, of, found.is_repeated) == (number, kind, repeats), (name, field)
        if name not in ("StringStringEntryProto", "TrainingInfoProto", "FunctionProto"):
            inside = {field for field, found in theirs.items() if found.message_type and found.message_type.name in SCHEMA}
            assert inside - {"metadata_props", "quantization_annotation"} <= set(fields), name


@pytest.mark.parametrize("location", ["weights.bin", "../other/weights.bin", "/etc/passwd", ""])
def test_weights_in_another_file(location: str) -> None:
    _refused(lambda model: _outside(model.graph.initializer[1], location), f"'weights' lies in another file \\('{location}'\\)")


def test_weights_in_another_file_are_found_wherever_they_hide() -> None:
    def in_a_constant(model: onnx.ModelProto) -> None:
        tensor = numpy_helper.from_array(np.zeros(2, np.float32), "hidden")
        _outside(tensor, "a")
        model.graph.node.append(_nested(helper.make_node("Constant", [], ["c"], value=tensor), 5))

    def in_a_sparse_one(model: onnx.ModelProto) -> None:
        sparse = model.graph.sparse_initializer.add()
        sparse.values.name = "hidden"
        _outside(sparse.values, "a")

    for change in (in_a_constant, in_a_sparse_one):
        _refused(change, "'hidden' lies in another file")


def test_a_location_without_the_flag_is_refused_too() -> None:
    _refused(lambda model: model.graph.initializer[0].external_data.add(key="location", value="x"), "lies in another file")


@pytest.mark.parametrize("depth", [0, 3])
def test_operators_of_unknown_domains(depth: int) -> None:
    _refused(
        lambda model: model.graph.node.append(_nested(helper.make_node("Run", [], ["x"], domain="evil.ops"), depth)),
        "operator 'Run' of the domain 'evil.ops'",
    )


def test_graphs_compiled_elsewhere_functions_and_training() -> None:
    _refused(lambda model: model.graph.node.add(op_type="EPContext", domain="com.microsoft"), "'EPContext', a graph compiled")
    _refused(lambda model: model.functions.add(name="mine", domain="ai.onnx"), "defines the function 'mine'")
    _refused(lambda model: model.training_info.add(), "training graphs")
    _refused(lambda model: model.ClearField("graph"), "it has no graph")


def test_versions_that_nobody_knows() -> None:
    _refused(lambda model: setattr(model, "ir_version", 99), "IR version 99; 3 to 14 are known")
    _refused(lambda model: setattr(model.opset_import[0], "version", 6), "operator set 'ai.onnx' 6; 7 to")
    _refused(lambda model: model.opset_import.add(domain="ai.onnx.ml", version=99), "operator set 'ai.onnx.ml' 99")


def test_an_operator_set_that_no_node_uses_is_no_fault() -> None:
    model = onnx.load_from_string(SMALL)
    model.opset_import.add(domain="com.microsoft.nchwc", version=1)
    check_model_file(model.SerializeToString(), LIMIT)


def test_too_large_empty_and_no_model_at_all() -> None:
    with pytest.raises(VersionError, match=f"has {len(SMALL)} bytes, \\[serving\\] max_model_bytes allows 100"):
        check_model_file(SMALL, 100)
    for content in (b"", b"no graph", SMALL[:-1], b"ORTM" * 9, "ł".encode("utf-16") * 40):
        with pytest.raises(VersionError, match="is no ONNX model"):
            check_model_file(content, LIMIT)


def test_a_file_cut_anywhere_is_refused_or_whole_in_what_counts() -> None:
    refused = 0
    for end in range(0, len(SMALL), 7):
        try:
            check_model_file(SMALL[:end], LIMIT)
        except VersionError:
            refused += 1
    assert refused > len(SMALL) // 7 * 0.9


def test_the_known_versions_end_where_the_installed_onnx_runtime_ends() -> None:
    def loads(ir: int, opset: int) -> bool:
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in ("x", "y")]
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
        options = ort.SessionOptions()
        options.log_severity_level = 4
        try:
            ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        except Exception:
            return False
        return True

    ends = (
        next(ir for ir in itertools.count(IR_VERSIONS.start) if not loads(ir, 17)),
        next(opset for opset in itertools.count(OPSETS[""].start) if not loads(8, opset)),
    )
    known = (IR_VERSIONS.stop, OPSETS[""].stop)
    assert ends == known if ort.__version__.startswith("1.32.") else max(ends[0] - known[0], ends[1] - known[1]) <= 0
