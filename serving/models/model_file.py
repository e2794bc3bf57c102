"""Whether a model file may be given to ONNX Runtime: one self-contained graph of operators that we know. It is judged before ONNX Runtime sees a byte of it.

A file may name other files (weights beside it, a compiled graph) and operators from libraries; ONNX Runtime would open them. Ours never need that.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.message import DecodeError, Message

from contracts.errors import VersionError
from serving.models.model_schema import Model

DOMAINS: Final = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Whose operators ONNX Runtime carries itself. Others come from libraries that must be loaded; we load none."""
IR_VERSIONS: Final = range(3, 15)
OPSETS: Final = {"": range(7, 29), "ai.onnx": range(7, 29), "ai.onnx.ml": range(1, 7), "com.microsoft": range(1, 2)}
"""What ONNX Runtime 1.32 takes, from the operator sets on that it guarantees. A test holds the upper ends to the installed one."""
_NAMES_A_FILE: Final = frozenset({"EPContext"})
"""Operators that stand for a compiled graph in a file beside the model."""
_EXTERNAL: Final = 1


def check_model_file(content: bytes, max_bytes: int) -> None:
    """Raise VersionError with the reason why `content` must not be loaded; None when it may be."""
    if len(content) > max_bytes:
        raise VersionError(f"its model file has {len(content)} bytes, [serving] max_model_bytes allows {max_bytes}")
    try:
        model = Model.FromString(content)
    except (DecodeError, UnicodeDecodeError) as error:
        raise VersionError(f"its model file is no ONNX model: {error}") from error
    if not model.HasField("graph") or not model.graph.node:
        raise VersionError("its model file is no ONNX model: it has no graph")
    _check_versions(model)
    if model.functions:
        named = model.functions[0].name
        raise VersionError(
            f"its graph defines the function {named!r}: export it with functions inlined (onnx.inliner.inline_local_functions)"
        )
    if model.training_info:
        raise VersionError("its model file carries training graphs: export it for inference")
    for message in _within(model.graph):
        _check_message(message)


def _check_versions(model: Any) -> None:
    if model.ir_version not in IR_VERSIONS:
        raise VersionError(f"its model file has the IR version {model.ir_version}; {_told(IR_VERSIONS)} are known")
    for entry in model.opset_import:
        known = OPSETS.get(entry.domain)
        if known is not None and entry.version not in known:
            raise VersionError(
                f"its graph uses the operator set {entry.domain or 'ai.onnx'!r} {entry.version}; {_told(known)} are known: export it again"
            )


def _check_message(message: Any) -> None:
    kind = message.DESCRIPTOR.name
    if kind == "NodeProto":
        if message.domain not in DOMAINS:
            raise VersionError(
                f"its graph has the operator {message.op_type!r} of the domain {message.domain!r}, which no library is loaded for; "
                f"known are {sorted(DOMAINS - {''})}"
            )
        if message.op_type in _NAMES_A_FILE:
            raise VersionError(
                f"its graph has the operator {message.op_type!r}, a graph compiled for one device: publish the original"
            )
    elif kind == "TensorProto" and (message.data_location == _EXTERNAL or message.external_data):
        where = next((entry.value for entry in message.external_data if entry.key == "location"), "")
        raise VersionError(
            f"its tensor {message.name!r} lies in another file ({where!r}): a version is one self-contained file; export it with the weights inside"
        )


def _within(root: Any) -> Iterator[Any]:
    """Every message inside `root`, however deep: nested graphs, their attributes and tensors."""
    waiting = [root]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if isinstance(value, Message) else value)


def _told(versions: range) -> str:
    return f"{versions.start} to {versions.stop - 1}"
