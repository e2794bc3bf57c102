"""Requests of the Open Inference Protocol v2, good and bad, with what the real Triton server (2.51) and ours answer to the same bytes.

Where the two differ, `why` is a key of REASONS: docs/open-inference-protocol.md says the same to users. The statuses of Triton were seen at a real one
(tests/triton_server.py); ours are held by tests/integration/test_oip_http.py.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.small_model import SIZE, photographs

MODEL: Final = "small"
(JPEG, OTHER), _ = photographs(2)
PIXELS: Final = bytes(range(256)) * (SIZE * SIZE * 3 // 256)
INFER: Final = f"/v2/models/{MODEL}/infer"
CRASH: Final = 0
"""Triton 2.51 dies of it."""

REASONS: Final = {
    "malformed": "What the client got wrong is 400 here; Triton answers 500 to JSON that it cannot read, and monitoring would take that for a fault of ours.",
    "crash": "Triton 2.51 crashes; here it is 400.",
    "silent": "Triton computes on something else than was meant (256 becomes 0, of two inputs one is forgotten, a shape of nothing); here it is 400.",
    "one-dimension": "`image` may have the shape [n] as well as [n, 1].",
    "shared-memory": "Shared memory of the host is not taken: cameras are other machines. The extension is not listed in GET /v2, its paths are 404.",
    "trace-logging": "Traces and logs are set by the operator, not over the inference port. The extensions are not listed, their paths are 404.",
    "stats-unknown": "An unknown model is 404 on every path; Triton says 400 on stats.",
    "load": "Which versions are loaded follows the model's channels, which retraining and `keepsight` move: 403. Triton, also told not to, says 503.",
    "timeout": "The parameter `timeout` (microseconds) is the frame's deadline here: 429 when it passes. Triton heeds it only with a queue policy.",
    "pictures": "Every picture is checked before it is queued: what is no picture is 400, 415 or 422 as on /v1/frames.",
    "compressed": "Compressed bodies are refused with 415: 300 KB of gzip may hold 600 MB. Triton unpacks gzip and deflate, and says 501 to others.",
    "raw": "A raw body (Inference-Header-Content-Length: 0) is one encoded picture; Triton takes it only for models with one input.",
    "binary-output": "`binary_data_output` holds for every output that says nothing itself, as the extension's text has it; in Triton not for named ones.",
    "lenient": "Null stands for left out, and JSON is read whole: Triton is stricter about null, and laxer about NaN and repeated keys.",
}


class Case(NamedTuple):
    """A request, and the statuses of Triton and of ours; `why` names the reason where they differ."""

    name: str
    method: str
    path: str
    triton: int
    ours: int
    why: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = {}


def packed(*elements: bytes) -> bytes:
    """A BYTES tensor in binary."""
    return b"".join(struct.pack("<I", len(one)) + one for one in elements)


def image(**changes: Any) -> dict[str, Any]:
    """The input `image` with one binary picture; a change to None leaves the member out."""
    plain = {"name": "image", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(packed(JPEG))}}
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def pixels(**changes: Any) -> dict[str, Any]:
    """The input `pixels` with one picture as JSON."""
    plain = {"name": "pixels", "shape": [1, SIZE, SIZE, 3], "datatype": "UINT8", "data": list(PIXELS)}
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def _request(
    name: str,
    document: Any,
    triton: int,
    ours: int | None = None,
    why: str = "",
    tail: bytes | None = packed(JPEG),
    path: str = INFER,
    length: object = None,
    **headers: str,
) -> Case:
    """A POST of JSON (a document, or bytes as they are) and, unless `tail` is None, of what follows it in binary."""
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    said = {"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
    if tail is not None:
        said["Inference-Header-Content-Length"] = str(len(head) if length is None else length)
    return Case(name, "POST", path, triton, triton if ours is None else ours, why, head + (tail or b""), said)


def _paths() -> Iterator[Case]:
    known = {"/v2": 200, "/v2/health/live": 200, "/v2/health/ready": 200, "/v2/models/stats": 200, "/v2/": 404, "/v2/models": 404}
    known |= {
        "/v2/nothing": 404,
        "/v2/health/nothing": 404,
        "/v2/models/nope": 404,
        "/v2/models/nope/config": 404,
        "/v2/models/nope/ready": 400,
    }
    known |= {"/v2/repository/index": 405, INFER: 405, f"/v2/repository/models/{MODEL}/load": 405}
    for place in (f"/v2/models/{MODEL}", f"/v2/models/{MODEL}/versions/1"):
        known |= {place: 200, f"{place}/ready": 200, f"{place}/config": 200, f"{place}/stats": 200, f"{place}/nothing": 404}
    known |= {
        f"/v2/models/{MODEL}/versions/9": 404,
        f"/v2/models/{MODEL}/versions/9/ready": 400,
        f"/v2/models/{MODEL}/versions/x": 404,
    }
    for path, status in known.items():
        yield Case(f"GET {path}", "GET", path, status, status)
    yield Case("statistics of an unknown model", "GET", "/v2/models/nope/stats", 400, 404, "stats-unknown")
    for path in ("/v2/systemsharedmemory/status", "/v2/cudasharedmemory/status"):
        yield Case(f"GET {path}", "GET", path, 200, 404, "shared-memory")
    for path in ("/v2/trace/setting", "/v2/logging"):
        yield Case(f"GET {path}", "GET", path, 200, 404, "trace-logging")
    for path in (
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        f"/v2/models/{MODEL}",
        f"/v2/models/{MODEL}/ready",
        f"/v2/models/{MODEL}/stats",
    ):
        yield Case(f"POST {path}", "POST", path, 405, 405)
    for method in ("HEAD", "DELETE", "PUT"):
        yield Case(f"{method} infer", method, INFER, 405, 405)
    for body in (b"", b"{}", b'{"ready": true}', b"[]"):
        yield Case(f"index {body.decode()}", "POST", "/v2/repository/index", 200, 200, body=body)
    yield Case("index, no JSON", "POST", "/v2/repository/index", 500, 400, "malformed", b"{bad")
    yield Case("index, ready is a number", "POST", "/v2/repository/index", 500, 400, "malformed", b'{"ready": 3}')
    for path in ("load", "unload"):
        yield Case(path, "POST", f"/v2/repository/models/{MODEL}/{path}", 503, 403, "load", b"{}")


def _good() -> Iterator[Case]:
    names = ("probabilities", "label")
    two = [{"name": name} for name in names]
    binary = {"parameters": {"binary_data": True}}
    yield _request("one picture, all outputs", {"inputs": [image()]}, 200)
    yield _request("an id, one output", {"id": "a", "inputs": [image()], "outputs": two[:1]}, 200)
    yield _request("one output in binary", {"inputs": [image()], "outputs": [two[0] | binary, two[1]]}, 200)
    yield _request(
        "all outputs in binary",
        {"inputs": [image()], "parameters": {"binary_data_output": True}, "outputs": two},
        200,
        200,
        "binary-output",
    )
    mixed = [two[0] | {"parameters": {"binary_data": False}}, two[1]]
    yield _request(
        "one output as JSON, said last",
        {"inputs": [image()], "parameters": {"binary_data_output": True}, "outputs": mixed},
        200,
        200,
        "binary-output",
    )
    for k in (0, 1, 2, 9):
        top = [two[0] | {"parameters": {"classification": k}}]
        yield _request(f"the {k} largest classes", {"inputs": [image()], "outputs": top}, 200)
    both = image(shape=[2, 1], parameters={"binary_data_size": len(packed(JPEG, OTHER))})
    yield _request("two pictures", {"inputs": [both]}, 200, tail=packed(JPEG, OTHER))
    yield _request("pixels as JSON", {"inputs": [pixels()]}, 200, tail=None)
    nested = [[[list(PIXELS[3 * (row * SIZE + k) : 3 * (row * SIZE + k) + 3]) for k in range(SIZE)] for row in range(SIZE)]]
    yield _request("pixels as nested JSON", {"inputs": [pixels(data=nested)]}, 200, tail=None)
    raw = pixels(data=None, parameters={"binary_data_size": len(PIXELS)})
    yield _request("pixels in binary", {"inputs": [raw]}, 200, tail=PIXELS)
    yield _request("version 1", {"inputs": [image()]}, 200, path=f"/v2/models/{MODEL}/versions/1/infer")
    yield _request("outputs []", {"inputs": [image()], "outputs": []}, 200)
    yield _request("an output twice", {"inputs": [image()], "outputs": [two[1], two[1]]}, 200)
    yield _request("an unknown member", {"inputs": [image()], "more": 1}, 200)
    yield _request(
        "parameters of one's own", {"inputs": [image()], "parameters": {"n": 3, "f": 1.5, "b": True, "s": "x", "big": 2**80}}, 200
    )
    yield _request(
        "a sequence and a priority",
        {"inputs": [image()], "parameters": {"sequence_id": 3, "sequence_start": True, "priority": 1}},
        200,
    )
    yield _request("another content type", {"inputs": [image()]}, 200, Content_Type="text/plain")
    yield _request("gzip would be taken back", {"inputs": [image()]}, 200, Accept_Encoding="gzip")
    yield _request("shape [1]", {"inputs": [image(shape=[1])]}, 400, 200, "one-dimension")
    yield _request("parameters null", {"inputs": [image()], "parameters": None}, 500, 200, "lenient")
    repeated = b'{"inputs": [], "inputs": [' + json.dumps(image()).encode() + b"]}"
    yield _request("a repeated key", repeated, 400, 200, "lenient")
    yield _request("NaN", json.dumps({"inputs": [image()], "parameters": {"x": float("nan")}}).encode(), 200, 400, "lenient")
    yield _request("a raw picture", JPEG, 400, 200, "raw", tail=b"", length=0)
    yield _request("a timeout of a microsecond", {"inputs": [image()], "parameters": {"timeout": 1}}, 200, 429, "timeout")
    text = image(parameters=None, data=["hello"])
    yield _request("text for a picture", {"inputs": [text]}, 200, 415, "pictures", tail=None)
    tiny = pixels(shape=[1, 1, 1, 3], data=[1, 2, 3])
    yield _request("a picture of one pixel", {"inputs": [tiny]}, 200, 422, "pictures", tail=None)


def _bad_tensors() -> Iterator[Case]:
    size = len(packed(JPEG))

    def sized(said: object) -> dict[str, Any]:
        return {"inputs": [image(parameters={"binary_data_size": said})]}

    for name, shape, triton, why in (
        ("[]", [], 400, ""), ("[0, 1]", [0, 1], 200, "silent"), ("[1, 2]", [1, 2], 400, ""), ("[2, 1] of one", [2, 1], 400, ""), ("[9, 1]", [9, 1], 400, ""),
        ("2^62 x 4", [2**62, 4], 400, ""), ("2^40 x 2^40", [2**40, 2**40], 400, ""), ("beyond 64 bits", [2**70, 1], 500, "malformed"),
        ("missing", None, 500, "malformed"), ("[-1, 1]", [-1, 1], 500, "malformed"), ("[1.0, 1]", [1.0, 1], 500, "malformed"),
        ("of text", ["1", 1], 500, "malformed"),
    ):  # fmt: skip
        yield _request(f"shape {name}", {"inputs": [image(shape=shape)]}, triton, 400, why)
    nine = image(shape=[9, 1], parameters={"binary_data_size": 9 * size})
    yield _request("nine pictures where eight are the most", {"inputs": [nine]}, 400, tail=packed(JPEG) * 9)
    for name, datatype, triton, why in (
        ("FP32", "FP32", 400, ""),
        ("unknown", "FOO", 400, ""),
        ("missing", None, 500, "malformed"),
        ("a number", 3, 500, "malformed"),
    ):
        yield _request(f"datatype {name}", {"inputs": [image(datatype=datatype)]}, triton, 400, why)
    yield _request("an unknown input", {"inputs": [image(name="nope")]}, 400)
    yield _request("an input without a name", {"inputs": [image(name=None)]}, 500, 400, "malformed")
    yield _request("an input twice", {"inputs": [image(), image()]}, 400, tail=packed(JPEG) * 2)
    yield _request("both inputs", {"inputs": [image(), pixels()]}, 200, 400, "silent")
    for name, said, triton, why in (
        ("negative", -5, 500, "malformed"), ("a float", float(size), 500, "malformed"), ("text", str(size), 500, "malformed"), ("2^63", 2**63, 400, ""),
        ("null", None, 500, "malformed"), ("one too large", size + 1, 400, ""), ("one too small", size - 1, 400, ""),
    ):  # fmt: skip
        yield _request(f"binary_data_size {name}", sized(said), triton, 400, why)
    yield _request("bytes left over", {"inputs": [image()]}, 400, tail=packed(JPEG) + b"xx")
    yield _request("a body cut short", {"inputs": [image()]}, 400, tail=packed(JPEG)[:-7])
    yield _request("an element longer than its tensor", sized(9), 400, tail=struct.pack("<I", 99) + b"hello")
    yield _request("bytes behind the last element", sized(9), 400, tail=struct.pack("<I", 2) + b"hello")
    yield _request("no data", {"inputs": [image(parameters=None)]}, 400, tail=None)
    yield _request("no binary_data_size, but a tail", {"inputs": [image(parameters=None)]}, 400)
    yield _request("data and binary_data_size", {"inputs": [image(data=["x"])]}, 400)
    yield _request("parameters []", {"inputs": [image(parameters=[])]}, 400)
    yield _request("parameters text", {"inputs": [image(parameters="x")]}, 400)
    yield _request(
        "shared memory",
        {"inputs": [image(parameters={"shared_memory_region": "r", "shared_memory_byte_size": 9})]},
        404,
        400,
        "shared-memory",
        None,
    )
    for name, data, triton, why in (
        ("too few", list(PIXELS[:-1]), 500, "malformed"), ("too many", [*PIXELS, 1], 500, "malformed"), ("256", [256, *PIXELS[1:]], 200, "silent"),
        ("-1", [-1, *PIXELS[1:]], 500, "malformed"), ("1.5", [1.5, *PIXELS[1:]], 500, "malformed"), ("text", ["a", *PIXELS[1:]], 500, "malformed"),
        ("an object", {}, 500, "malformed"),
    ):  # fmt: skip
        yield _request(f"pixels with {name}", {"inputs": [pixels(data=data)]}, triton, 400, why, tail=None)
    short = pixels(data=None, parameters={"binary_data_size": len(PIXELS) - 1})
    yield _request("binary pixels, one too few", {"inputs": [short]}, 400, tail=PIXELS[:-1])
    yield _request(
        "pixels with four channels",
        {"inputs": [pixels(shape=[1, SIZE, SIZE, 4], data=[*PIXELS, *PIXELS[: SIZE * SIZE]])]},
        400,
        tail=None,
    )
    yield _request("pixels without a batch", {"inputs": [pixels(shape=[SIZE, SIZE, 3])]}, 400, tail=None)
    for name, data in (("text", "hello"), ("numbers", [1])):
        yield _request(f"BYTES of {name}", {"inputs": [image(parameters=None, data=data)]}, 500, 400, "malformed", None)


def _bad_requests() -> Iterator[Case]:
    for name, document, triton in (
        ("no inputs", {}, 500), ("inputs {}", {"inputs": {}}, 500), ("inputs null", {"inputs": None}, 500), ("inputs []", {"inputs": []}, 400),
        ("an input is text", {"inputs": ["x"]}, 400), ("a list", [], 500), ("null", None, 500), ("no JSON", b"hello", 500), ("an empty body", b"", 400),
        ("100,000 brackets", b"[" * 100_000, 500), ("zeros", b"\0\0", 500), ("no UTF-8", b'{"id": "\xff"}', 500), ("words behind it", b'{"inputs": []} x', 500),
    ):  # fmt: skip
        yield _request(name, document, triton, 400, "malformed" if triton == 500 else "", None)
    for name, more, triton in (
        ("id is a number", {"id": 5}, 500), ("parameters is a list", {"parameters": [1]}, 500), ("a nested parameter", {"parameters": {"a": {"b": 1}}}, 400),
        ("outputs {}", {"outputs": {}}, 500), ("an output without a name", {"outputs": [{}]}, 500), ("an unknown output", {"outputs": [{"name": "nope"}]}, 400),
        ("binary_data_output is text", {"parameters": {"binary_data_output": "yes"}}, 500),
        ("binary_data is text", {"outputs": [{"name": "label", "parameters": {"binary_data": "yes"}}]}, 500),
        ("classification is text", {"outputs": [{"name": "probabilities", "parameters": {"classification": "x"}}]}, 500),
        ("classification of labels", {"outputs": [{"name": "label", "parameters": {"classification": 1}}]}, CRASH),
    ):  # fmt: skip
        why = {500: "malformed", CRASH: "crash"}.get(triton, "")
        yield _request(name, {"inputs": [image()], **more}, triton, 400, why)
    good = {"inputs": [image()]}
    for length, triton in (
        (10_000_000, 400),
        (-5, 400),
        ("abc", 400),
        ("", 400),
        (2**70, 400),
        ("1.5", 500),
        ("+9", 500),
        (10, 500),
        ("12abc", 500),
    ):
        yield _request(f"header length {length}", good, triton, 400, "malformed" if triton == 500 else "", length=length)
    yield _request("an unknown model", good, 404, path="/v2/models/nope/infer")
    for version in ("9", "x", ""):
        yield _request(f"version {version!r}", good, 404, path=f"/v2/models/{MODEL}/versions/{version}/infer")
    yield _request("gzip that is none", good, 400, 415, "compressed", Content_Encoding="gzip")
    yield _request("brotli", good, 501, 415, "compressed", Content_Encoding="br")


CASES: Final = (*_paths(), *_good(), *_bad_tensors(), *_bad_requests())
