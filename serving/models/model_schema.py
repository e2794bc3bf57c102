"""The part of ONNX's protobuf schema that a model file is judged by, for protobuf's own parser, which ONNX Runtime brings along.

The `onnx` package would cost every server 12 MiB to read the same fields. A test holds the numbers and kinds below to those of that package.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = tuple[int, str, bool]
_INT64, _INT32, _STRING = "int64", "int32", "string"
SCHEMA: Final[dict[str, dict[str, Field]]] = {
    "ModelProto": {
        "ir_version": (1, _INT64, False),
        "graph": (7, "GraphProto", False),
        "opset_import": (8, "OperatorSetIdProto", True),
        "training_info": (20, "TrainingInfoProto", True),
        "functions": (25, "FunctionProto", True),
    },
    "OperatorSetIdProto": {"domain": (1, _STRING, False), "version": (2, _INT64, False)},
    "TrainingInfoProto": {},
    "FunctionProto": {"name": (1, _STRING, False)},
    "GraphProto": {
        "node": (1, "NodeProto", True),
        "initializer": (5, "TensorProto", True),
        "sparse_initializer": (15, "SparseTensorProto", True),
    },
    "NodeProto": {
        "name": (3, _STRING, False),
        "op_type": (4, _STRING, False),
        "attribute": (5, "AttributeProto", True),
        "domain": (7, _STRING, False),
    },
    "AttributeProto": {
        "t": (5, "TensorProto", False),
        "g": (6, "GraphProto", False),
        "tensors": (10, "TensorProto", True),
        "graphs": (11, "GraphProto", True),
        "sparse_tensor": (22, "SparseTensorProto", False),
        "sparse_tensors": (23, "SparseTensorProto", True),
    },
    "SparseTensorProto": {"values": (1, "TensorProto", False), "indices": (2, "TensorProto", False)},
    "TensorProto": {
        "name": (8, _STRING, False),
        "external_data": (13, "StringStringEntryProto", True),
        "data_location": (14, _INT32, False),
    },
    "StringStringEntryProto": {"key": (1, _STRING, False), "value": (2, _STRING, False)},
}
"""Of each message: its fields, each with its number, its kind and whether it repeats. The enumeration `data_location` is read as the number it is sent as."""


def _model_class() -> Any:
    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {_INT64: kinds.TYPE_INT64, _INT32: kinds.TYPE_INT32, _STRING: kinds.TYPE_STRING}
    file = descriptor_pb2.FileDescriptorProto(name="keepsight_onnx.proto", package="keepsight_onnx", syntax="proto2")
    for name, fields in SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeats) in fields.items():
            message.field.add(
                name=field,
                number=number,
                label=kinds.LABEL_REPEATED if repeats else kinds.LABEL_OPTIONAL,
                type=scalars.get(kind, kinds.TYPE_MESSAGE),
                type_name=None if kind in scalars else f".keepsight_onnx.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("keepsight_onnx.ModelProto"))


Model: Final = _model_class()
"""The message class: `Model.FromString(content)` raises google.protobuf.message.DecodeError for what is no such message."""
