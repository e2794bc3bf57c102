"""Bodies of the Open Inference Protocol: both forms of a tensor say the same, and what is malformed is the sender's fault."""

import json
import struct
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.oip import wire
from serving.oip.wire import Tensor
from serving.problems import ProblemError
from tests.oip_cases import packed

ELEMENTS = st.lists(st.binary(max_size=40), min_size=1, max_size=8)
FLOATS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=12)


def body_of(inputs: list[dict[str, object]], *tails: bytes, more: bytes = b"") -> tuple[bytes, int]:
    """A request's body, and the length of its JSON."""
    for one, tail in zip(inputs, tails, strict=True):
        one["parameters"] = {"binary_data_size": len(tail)}
    head = json.dumps({"inputs": inputs}).encode()
    return head + b"".join(tails) + more, len(head)


def refusal(read: Callable[[], object]) -> int | None:
    """The status that it is refused with, None when it is not."""
    try:
        read()
    except ProblemError as problem:
        return problem.status
    return None


@given(st.lists(ELEMENTS, min_size=1, max_size=4))
def test_binary_tensors_keep_their_order_and_their_bytes(tensors: list[list[bytes]]) -> None:
    inputs: list[dict[str, object]] = [
        {"name": str(number), "shape": [len(one)], "datatype": "BYTES"} for number, one in enumerate(tensors)
    ]
    request = wire.parse(*body_of(inputs, *(packed(*one) for one in tensors)))
    assert [wire.strings(one) for one in request.inputs] == tensors
    assert [one.name for one in request.inputs] == [str(number) for number in range(len(tensors))]


@given(st.binary(min_size=1, max_size=60))
def test_octets_say_the_same_in_every_form(content: bytes) -> None:
    plain = {"name": "pixels", "shape": [len(content)], "datatype": "UINT8"}
    forms = [list(content), [list(content)], [[byte] for byte in content]]
    of_json = [wire.parse(json.dumps({"inputs": [plain | {"data": data}]}).encode(), None) for data in forms]
    of_binary = wire.parse(*body_of([dict(plain)], content))
    assert {bytes(wire.octets(request.inputs[0])) for request in (*of_json, of_binary)} == {content}


def test_binary_tensors_are_views_of_the_body() -> None:
    body, length = body_of([{"name": "pixels", "shape": [9], "datatype": "UINT8"}], bytes(9))
    tensor = wire.octets(wire.parse(body, length).inputs[0])
    assert np.shares_memory(np.frombuffer(tensor, np.uint8), np.frombuffer(body, np.uint8))


@given(FLOATS)
def test_a_reply_says_the_same_in_both_forms(values: list[float]) -> None:
    array = np.array(values, np.float32).reshape(1, -1)
    _, of_json = wire.reply({}, [Tensor("a", array)])
    headers, of_binary = wire.reply({}, [Tensor("a", array, binary=True)])
    told = np.array(json.loads(of_json)["outputs"][0]["data"], np.float32)
    assert told.tobytes() == array.tobytes() == of_binary[int(dict(headers)["inference-header-content-length"]) :]


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5), FLOATS)
def test_a_mixed_reply_can_be_taken_apart(texts: list[str], values: list[float]) -> None:
    tensors = [
        Tensor("t", np.array(texts, np.object_).reshape(-1, 1), binary=True),
        Tensor("j", np.array(values, np.float32)),
        Tensor("f", np.array(values, np.float32), binary=True),
    ]
    headers, body = wire.reply({"id": "x"}, tensors)
    length = int(dict(headers)["inference-header-content-length"])
    document, tail = json.loads(body[:length]), body[length:]
    assert document["id"] == "x"
    sizes = [one.get("parameters", {}).get("binary_data_size", 0) for one in document["outputs"]]
    assert sizes[0] + sizes[2] == len(tail)
    assert tail[: sizes[0]] == packed(*(text.encode() for text in texts))
    assert tail[sizes[0] :] == np.array(values, "<f4").tobytes()


@given(st.binary(max_size=80), st.one_of(st.none(), st.integers(0, 100)))
def test_any_body_is_a_request_or_refused(body: bytes, length: int | None) -> None:
    assert refusal(lambda: wire.parse(body, length)) in (None, 400)


@given(st.integers(0, 2**32 - 1), st.binary(max_size=24))
def test_any_tensor_of_bytes_is_read_or_refused(size: int, rest: bytes) -> None:
    tensor = struct.pack("<I", size) + rest
    (one,) = wire.parse(*body_of([{"name": "image", "shape": [9], "datatype": "BYTES"}], tensor)).inputs
    if refusal(lambda: wire.strings(one)) is None:
        assert packed(*wire.strings(one)) == tensor


@pytest.mark.parametrize("form", ["json", "binary"])
def test_a_tensor_is_read_no_further_than_one_element_too_many(form: str) -> None:
    """A million empty elements would hold the event loop."""
    plain: dict[str, object] = {"name": "image", "shape": [2, 1], "datatype": "BYTES"}
    if form == "json":
        body, length = json.dumps({"inputs": [plain | {"data": [""] * 50}]}).encode(), None
        assert wire.strings(wire.parse(body, length).inputs[0]) == [b""] * 3
    else:
        assert wire.strings(wire.parse(*body_of([plain], bytes(4 * 50))).inputs[0]) == [b""] * 3


@pytest.mark.parametrize("value", ["-1", "+1", "1.0", "1e3", "", " ", "0x10", "٣", "9" * 19, "1,1"])
def test_a_header_that_is_no_length_is_refused(value: str) -> None:
    with pytest.raises(ProblemError, match="Inference-Header-Content-Length"):
        wire.json_length([(b"inference-header-content-length", value.encode())])


def test_a_header_said_twice_is_refused() -> None:
    with pytest.raises(ProblemError, match="4, 4"):
        wire.json_length([(wire.HEADER_LENGTH, b"4")] * 2)


def test_json_of_megabytes_is_sent_to_the_binary_form() -> None:
    with pytest.raises(ProblemError, match="send tensors in binary") as refused:
        wire.parse(b" " * (wire.MAX_JSON_BYTES + 1), None)
    assert refused.value.status == 413


@pytest.mark.parametrize("data", ['[[["a"]]]', "{}", '"a"', "[1]", "[null]", '["\\ud800"]'])
def test_strings_of_another_form_are_refused(data: str) -> None:
    body = b'{"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": %s}]}' % data.encode()
    with pytest.raises(ProblemError):
        wire.strings(wire.parse(body, None).inputs[0])
