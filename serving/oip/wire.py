"""The Open Inference Protocol v2 as bytes: a request's body into tensors, tensors into a reply's body. Pure; knows no model.

JSON, and the binary tensor extension: JSON, then each tensor's raw little-endian bytes in the order of the tensors, the JSON's length in the header
Inference-Header-Content-Length (0: the body is the one tensor). An element of BYTES is its length as u32 and its bytes. Binary tensors are views of the
body, never copies. Every refusal is a ProblemError; what is malformed is 400, where the reference server (Triton) often says 500.
"""

import math
import struct
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from serving.problems import ProblemError

HEADER_LENGTH: Final = b"inference-header-content-length"
MAX_JSON_BYTES: Final = 2 << 20
"""Of a request's JSON: numbers as text are parsed on the event loop, at about 7 ms a MiB."""
Value = str | int | float | bool | None
Parameters = dict[str, Value]
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Input(msgspec.Struct):
    """An input tensor: `data` is its JSON, or its raw bytes where it is `binary`."""

    name: str
    shape: tuple[_Size, ...]
    datatype: str
    parameters: Parameters | None = None
    data: msgspec.Raw = msgspec.Raw()

    @property
    def binary(self) -> bool:
        """Whether it came as raw bytes."""
        return self.said("binary_data_size") is not None

    def said(self, parameter: str) -> Value:
        """A parameter's value, None when it was not given."""
        return (self.parameters or {}).get(parameter)


class Output(msgspec.Struct, frozen=True):
    """An output that is asked for."""

    name: str
    parameters: Parameters | None = None


class Request(msgspec.Struct):
    """An inference request; without `outputs` all are asked for."""

    inputs: tuple[Input, ...]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: tuple[Output, ...] | None = None


_REQUEST: Final = msgspec.json.Decoder(Request)
_OCTETS: Final = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(ge=0, le=255)]])
_BRACKETS: Final = b"[] \t\r\n"
_STRINGS: Final = msgspec.json.Decoder(list[str | tuple[str]])
_ENCODER: Final = msgspec.json.Encoder()


def json_length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """What Inference-Header-Content-Length says (names in lower case); None when it is not there. Raises ProblemError."""
    said = [value.strip() for name, value in headers if name == HEADER_LENGTH]
    if not said:
        return None
    if len(said) > 1 or not said[0].isdigit() or len(said[0]) > 18:
        raise ProblemError(
            "bad-tensor",
            f"Inference-Header-Content-Length is {b', '.join(said)[:64].decode('latin-1')!r}; it is the JSON's bytes, or 0",
        )
    return int(said[0])


def parse(body: bytes, length: int | None) -> Request:
    """A request from its body and the JSON's `length` (None: the whole body is JSON). Raises ProblemError."""
    view = memoryview(body)
    if length is None:
        length = len(view)
    if length > len(view):
        raise ProblemError("bad-tensor", f"Inference-Header-Content-Length is {length}, but the body has {len(view)} bytes")
    if length > MAX_JSON_BYTES:
        detail = f"the JSON has {length} bytes, at most {MAX_JSON_BYTES} are taken; send tensors in binary"
        raise ProblemError("too-large", detail, limit=MAX_JSON_BYTES)
    try:
        request = _REQUEST.decode(view[:length])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError("bad-json", f"the JSON is no inference request of the Open Inference Protocol v2: {error}") from None
    _share_out(view[length:], request.inputs)
    return request


def _share_out(tail: memoryview, inputs: Iterable[Input]) -> None:
    """Give each binary input its part of what follows the JSON, which must be used up."""
    for one in inputs:
        size, left = one.said("binary_data_size"), len(tail)
        if one.said("shared_memory_region") is not None:
            raise _wrong(one, "it lies in shared memory, which this server does not take; send it")
        if one.binary == bool(memoryview(one.data)):
            raise _wrong(one, "give one of `data` and the parameter `binary_data_size`, and only one")
        if not one.binary:
            continue
        if type(size) is not int or not 0 <= size <= left:
            raise _wrong(one, f"binary_data_size is {str(size)[:32]!r}, and {left} bytes are left of what follows the JSON")
        one.data, tail = msgspec.Raw(tail[:size]), tail[size:]
    if len(tail):
        raise ProblemError("bad-tensor", f"{len(tail)} bytes after the JSON belong to no input; see binary_data_size")


def strings(one: Input) -> list[bytes]:
    """The elements of a BYTES tensor: JSON strings are their UTF-8, or base64 where the parameter `content_type` says so. Raises ProblemError."""
    if one.binary:
        return _unpacked(one)
    try:
        parts = _STRINGS.decode(one.data)
        texts = [part if isinstance(part, str) else part[0] for part in parts[: _most(one) + 1]]
        return [b64decode(text, validate=True) if one.said("content_type") == "base64" else text.encode() for text in texts]
    except (msgspec.MsgspecError, ValueError) as error:
        raise _wrong(
            one, f"`data` of BYTES are strings, one a picture; in base64 where the parameter content_type says so: {error}"
        ) from None


def octets(one: Input) -> memoryview:
    """The bytes of a UINT8 tensor; JSON may be flat or nested. Raises ProblemError."""
    if one.binary:
        return memoryview(one.data)
    try:
        return memoryview(bytes(_OCTETS.decode(b"[" + bytes(one.data).translate(None, _BRACKETS) + b"]")))
    except msgspec.MsgspecError as error:
        raise _wrong(one, f"`data` of UINT8 are whole numbers from 0 to 255: {error}") from None


def _unpacked(one: Input) -> list[bytes]:
    """The elements of a binary BYTES tensor: the one place where a picture is copied, out of the body."""
    tensor, at = memoryview(one.data), 0
    found: list[bytes] = []
    while at < len(tensor) and len(found) <= _most(one):
        start = at + 4
        at = start + int.from_bytes(tensor[at:start], "little")
        if start > len(tensor) or at > len(tensor):
            raise _wrong(one, f"an element of BYTES has {at - start} bytes, and {max(0, len(tensor) - start)} are left")
        found.append(bytes(tensor[start:at]))
    return found


def _most(one: Input) -> int:
    """How many elements the shape says. One more is read and no further: a million empty ones would hold the event loop for a second."""
    return math.prod(one.shape[:2])


def _wrong(one: Input, what: str) -> ProblemError:
    return ProblemError("bad-tensor", f"input {one.name[:64]!r}: {what}")


class Tensor(msgspec.Struct, frozen=True):
    """An output tensor: float32 or strings, of any shape."""

    name: str
    values: NDArray[np.float32] | NDArray[np.object_]
    binary: bool = False

    @property
    def datatype(self) -> str:
        """FP32 or BYTES."""
        return "FP32" if self.values.dtype == np.float32 else "BYTES"

    def packed(self) -> bytes:
        """As raw bytes."""
        if self.datatype == "FP32":
            return self.values.astype("<f4").tobytes()
        coded = [str(value).encode() for value in self.values.ravel()]
        return b"".join(part for one in coded for part in (struct.pack("<I", len(one)), one))


def reply(head: Mapping[str, object], tensors: Sequence[Tensor]) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and the body of an answer; `head` is what stands before the outputs."""
    outputs, tail = [], []
    for one in tensors:
        said: dict[str, object] = {"name": one.name, "datatype": one.datatype, "shape": one.values.shape}
        if one.binary:
            tail.append(one.packed())
            said["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            said["data"] = one.values.ravel().tolist()
        outputs.append(said)
    text = _ENCODER.encode({**head, "outputs": outputs})
    if not tail:
        return [("content-type", "application/json")], text
    headers = [("content-type", "application/octet-stream"), (HEADER_LENGTH.decode(), str(len(text)))]
    return headers, b"".join([text, *tail])
