"""The Open Inference Protocol v2 at a real process: the public client, the two forms of tensors, and the same road as /v1/frames."""

import base64
import json
import struct
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.utils import InferenceServerException

from contracts import frames as framing
from tests.oip_cases import CASES, INFER, JPEG, MODEL, OTHER, image, packed
from tests.serving_process import PATIENCE_S, Reply, ServingProcess, eventually
from tests.small_model import LABELS, SPEC, photographs, publish_small_version, set_channels

PICTURES, TRUTH = photographs(8, seed=3)
OUTPUTS = ["probabilities", "label", "embedding", "frame_id", "sample"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"), v2_camera="line-1", sample_share=1.0)
    publish_small_version(house.repository)
    yield house.start()
    assert house.stop() == 0


@pytest.fixture
def client(serving: ServingProcess) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(f"127.0.0.1:{serving.port}") as found:
        yield found


def images(contents: list[bytes], binary: bool = True) -> list[Any]:
    """The input `image` as the client makes it."""
    tensor = triton.InferInput("image", [len(contents), 1], "BYTES")
    tensor.set_data_from_numpy(np.array(contents, np.object_).reshape(-1, 1), binary_data=binary)
    return [tensor]


def pixels(contents: list[bytes], binary: bool = True) -> list[Any]:
    """The input `pixels` of the prepared pictures as the client makes it."""
    array = np.stack([framing.prepare(framing.decode(content), SPEC) for content in contents])
    tensor = triton.InferInput("pixels", list(array.shape), "UINT8")
    tensor.set_data_from_numpy(array, binary_data=binary)
    return [tensor]


def posted(serving: ServingProcess, document: Any, tail: bytes = b"", **headers: str) -> Reply:
    """A POST of JSON with what follows it."""
    head = json.dumps(document).encode()
    return serving.ask("POST", INFER, head + tail, {"Inference-Header-Content-Length": str(len(head)), **headers})


def test_every_request_of_the_table_is_answered_as_it_says(serving: ServingProcess) -> None:
    failed = serving.metric("keepsight_serving_frames_total", outcome="failed")
    for case in CASES:
        reply = serving.ask(case.method, case.path, case.body if case.method == "POST" else None, dict(case.headers))
        assert reply.status == case.ours, (case.name, reply)
        if reply.status != 200 and case.method != "HEAD":
            assert list(reply.json) == ["error"], case.name
            assert reply.headers["content-type"] == "application/json"
    assert serving.metric("keepsight_serving_frames_total", outcome="failed") == failed


def test_the_client_learns_what_there_is(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready(MODEL, "9")
    assert not client.is_model_ready("nope")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata, config = client.get_model_metadata(MODEL), client.get_model_config(MODEL, "1")
    assert (metadata["versions"], metadata["parameters"]["labels"]) == (["1"], list(LABELS))
    assert {one["name"]: (one["datatype"], one["shape"]) for one in metadata["inputs"]} == {
        "image": ("BYTES", [-1, 1]),
        "pixels": ("UINT8", [-1, -1, -1, 3]),
    }
    assert [one["name"] for one in metadata["outputs"]] == [one["name"] for one in config["output"]] == OUTPUTS
    assert config["max_batch_size"] == 8
    assert client.get_model_repository_index() == [{"name": MODEL, "version": "1", "state": "READY", "reason": "champion"}]


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (lambda client: client.load_model(MODEL), "403"),
        (lambda client: client.unload_model(MODEL), "403"),
        (lambda client: client.get_model_metadata("nope"), "404"),
        (lambda client: client.get_model_config(MODEL, "9"), "404"),
        (lambda client: client.get_inference_statistics("nope"), "404"),
        (lambda client: client.get_system_shared_memory_status(), "404"),
        (lambda client: client.get_cuda_shared_memory_status(), "404"),
        (lambda client: client.get_trace_settings(), "404"),
        (lambda client: client.update_log_settings({"log_info": True}), "404"),
        (lambda client: client.register_system_shared_memory("r", "/r", 9), "404"),
        (lambda client: client.infer("nope", images([JPEG])), "404"),
        (lambda client: client.infer(MODEL, images([JPEG]), request_compression_algorithm="gzip"), "415"),
        (lambda client: client.infer(MODEL, images([JPEG] * 9)), "400"),
        (lambda client: client.infer(MODEL, images([JPEG[:100]])), "422"),
    ],
)
def test_the_client_hears_what_is_refused(client: triton.InferenceServerClient, call: Any, status: str) -> None:
    with pytest.raises(InferenceServerException) as refused:
        call(client)
    assert refused.value.status() == status
    assert len(refused.value.message()) > 20


@pytest.mark.parametrize("binary", [True, False])
def test_a_batch_is_answered_in_its_order_in_both_forms(
    serving: ServingProcess, client: triton.InferenceServerClient, binary: bool
) -> None:
    single = [serving.answered(content) for content in PICTURES]
    asked = [triton.InferRequestedOutput(name, binary_data=binary) for name in OUTPUTS]
    answer = client.infer(MODEL, images(PICTURES), outputs=asked, request_id="a-7")
    head = answer.get_response()
    assert (head["model_name"], head["model_version"], head["id"]) == (MODEL, "1", "a-7")
    for row, one in enumerate(single):
        wanted = dict(zip(one["prediction"]["labels"], one["prediction"]["probabilities"], strict=True))
        assert answer.as_numpy("probabilities")[row] == pytest.approx([wanted[label] for label in LABELS], abs=1e-6)
        label = answer.as_numpy("label")[row, 0]
        assert (label.decode() if isinstance(label, bytes) else label) == one["prediction"]["labels"][0]


def test_json_and_binary_say_the_same(client: triton.InferenceServerClient) -> None:
    names = ["probabilities", "embedding"]
    for inputs in (images(PICTURES), pixels(PICTURES)):
        found = [
            client.infer(MODEL, inputs, outputs=[triton.InferRequestedOutput(name, binary_data=binary) for name in names])
            for binary in (True, False)
        ]
        for name in names:
            first, second = (one.as_numpy(name) for one in found)
            assert first.dtype == second.dtype == np.float32
            assert first == pytest.approx(second, abs=2e-5)  # runs of other batches round otherwise


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_say_what_their_picture_says(client: triton.InferenceServerClient, binary: bool) -> None:
    of_pictures, of_pixels = client.infer(MODEL, images(PICTURES)), client.infer(MODEL, pixels(PICTURES, binary))
    for name in ("probabilities", "embedding"):
        assert of_pixels.as_numpy(name) == pytest.approx(of_pictures.as_numpy(name), abs=2e-5)


def test_pixels_of_any_size_are_fitted_as_a_picture_is(client: triton.InferenceServerClient) -> None:
    whole = framing.decode(JPEG)
    tensor = triton.InferInput("pixels", [1, *whole.shape], "UINT8")
    tensor.set_data_from_numpy(whole[None])
    answer = client.infer(MODEL, [tensor])
    assert answer.as_numpy("probabilities").tobytes() == client.infer(MODEL, images([JPEG])).as_numpy("probabilities").tobytes()


def test_the_classification_extension_names_the_largest(client: triton.InferenceServerClient) -> None:
    answer = client.infer(MODEL, images([JPEG, OTHER]), outputs=[triton.InferRequestedOutput("probabilities", class_count=1)])
    said = [text.decode().split(":") for (text,) in answer.as_numpy("probabilities")]
    assert [name for _, _, name in said] == list(LABELS)
    assert [int(index) for _, index, _ in said] == [0, 1]
    assert all(0.5 < float(value) <= 1 for value, _, _ in said)


def test_a_plain_picture_is_a_request(serving: ServingProcess) -> None:
    reply = serving.ask("POST", f"{INFER}?camera=gate", JPEG, {"Inference-Header-Content-Length": "0"})
    length = int(reply.headers["inference-header-content-length"])
    outputs = {one["name"]: one["parameters"]["binary_data_size"] for one in json.loads(reply.body[:length])["outputs"]}
    assert list(outputs) == OUTPUTS
    assert length + sum(outputs.values()) == len(reply.body)


def test_base64_is_taken_where_it_is_said(serving: ServingProcess) -> None:
    coded = image(parameters={"content_type": "base64"}, data=[base64.b64encode(JPEG).decode()])
    reply = posted(serving, {"inputs": [coded], "outputs": [{"name": "label"}]})
    assert reply.json["outputs"][0]["data"] == ["china"]
    assert posted(serving, {"inputs": [coded | {"data": ["no base64!"]}]}).status == 400


def test_the_asynchronous_client_keeps_replies_with_their_requests(serving: ServingProcess) -> None:
    wanted = [serving.answered(content)["prediction"]["probabilities"][0] for content in PICTURES]
    with triton.InferenceServerClient(f"127.0.0.1:{serving.port}", concurrency=4) as client:
        requests = [
            (one, client.async_infer(MODEL, images([PICTURES[k] for k in one]), request_id=str(number)))
            for number, one in enumerate([[k % 8, (3 * k) % 8, (5 * k + 1) % 8][: 1 + k % 3] for k in range(40)])
        ]
        for number, (one, request) in enumerate(requests):
            answer = request.get_result()
            assert answer.get_response()["id"] == str(number)
            assert answer.as_numpy("probabilities").max(axis=1) == pytest.approx([wanted[k] for k in one], abs=1e-6)


def test_a_request_without_a_camera_is_refused_unless_the_settings_name_one(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path)
    publish_small_version(serving.repository)
    serving.start()
    try:
        document = {"id": "line-1", "inputs": [image()]}
        reply = posted(serving, document, packed(JPEG))
        assert reply.status == 400
        assert "v2_camera" in reply.json["error"]
        for head in ({"Keepsight-Camera": "gate"}, {}):
            camera = {} if head else {"parameters": {"camera": "line-2", "captured_at": 1767225600}}
            assert posted(serving, {**document, **camera}, packed(JPEG), **head).status == 200
        by_camera = {event.camera: event for event in serving.scored(2)}
        assert set(by_camera) == {"gate", "line-2"}
        assert by_camera["line-2"].captured_at == 1767225600
        unknown = posted(serving, {**document, "parameters": {"camera": "line-9"}}, packed(JPEG))
        assert (unknown.status, "[serving.cameras.line-9]" in unknown.json["error"]) == (404, True)
    finally:
        assert serving.stop() == 0


def test_a_default_camera_that_is_none_does_not_start(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, v2_camera="line-9")
    publish_small_version(serving.repository)
    with pytest.raises(AssertionError, match=r"which is no camera: add \[serving\.cameras\.line-9\]"):
        serving.start()


def test_frames_take_the_road_of_all_frames(tmp_path: Path) -> None:
    """Events and samples of pictures and pixels, of an audit camera too; a label follows by the frame_id that was answered."""
    serving = ServingProcess(tmp_path, v2_camera="line-1", sample_share=1.0)
    publish_small_version(serving.repository)
    serving.start()
    try:
        with triton.InferenceServerClient(f"127.0.0.1:{serving.port}") as client:
            sent = [
                client.infer(MODEL, images(PICTURES[:2])),
                client.infer(MODEL, pixels(PICTURES[:2]), parameters={"camera": "gate"}),
                client.infer(MODEL, images(PICTURES[:1]), parameters={"camera": "sealed"}),
            ]
            found = [one.as_numpy("frame_id")[:, 0].tolist() for one in sent]
            samples = [one.as_numpy("sample")[:, 0].tolist() for one in sent]
            statistics = client.get_inference_statistics(MODEL)["model_stats"][0]
        assert samples == [[b"uniform"] * 2, [b"uniform"] * 2, [b""]]
        assert (statistics["inference_count"], statistics["inference_stats"]["success"]["count"]) == (5, 3)
        events = {event.frame_id.encode(): event for event in serving.scored(5)}
        (picture, _), (raw, _), (sealed,) = ([events[one] for one in ids] for ids in found)
        assert (picture.camera, picture.codec, picture.bytes) == ("line-1", "jpeg", len(PICTURES[0]))
        assert (raw.camera, raw.codec, raw.width, raw.bytes) == ("gate", "rgb", 32, 32 * 32 * 3)
        assert (sealed.audit, sealed.stored) == (True, None)
        assert sent[0].as_numpy("embedding")[0] == pytest.approx(picture.embedding, abs=1e-6)
        assert serving.metric("keepsight_serving_frames_total", outcome="answered", version="1") == 5
        assert raw.stored
        stored = tmp_path / "frames" / raw.stored
        eventually("the frame is stored", stored.exists)
        assert (framing.decode(stored.read_bytes()) == framing.prepare(framing.decode(PICTURES[0]), SPEC)).all()
        label = LABELS[TRUTH[0]]
        assert serving.label([{"frame_id": one.frame_id, "label": label} for one in (picture, raw)]).json["accepted"] == 2
    finally:
        assert serving.stop() == 0


def test_a_version_in_the_path_answers_and_the_camera_keeps_its_own_without(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, v2_camera="line-1")
    for version, seed in (("1", 0), ("2", 1), ("3", 2)):
        publish_small_version(serving.repository, version=version, seed=seed, champion=version == "1")
    set_channels(serving.repository, candidate="2", share=0.0, shadow="3")
    serving.start()
    try:
        with triton.InferenceServerClient(f"127.0.0.1:{serving.port}") as client:
            assert client.get_model_metadata(MODEL)["versions"] == ["1", "2"]
            for version, wanted in (("", "1"), ("1", "1"), ("2", "2")):
                answer = client.infer(MODEL, images(PICTURES[:3]), model_version=version).get_response()
                assert answer["model_version"] == wanted
            with pytest.raises(InferenceServerException, match="version 3 is not found; 1, 2 is in service"):
                client.infer(MODEL, images([JPEG]), model_version="3")
            set_channels(serving.repository, share=1.0)
            eventually(
                "the candidate answers",
                lambda: client.infer(MODEL, images([JPEG])).get_response()["model_version"],
                lambda one: one == "2",
            )
        answered = [event for event in serving.scored(9) if event.variant != "shadow"]
        assert {(event.version, event.variant) for event in answered} == {("1", "champion"), ("2", "candidate")}
    finally:
        assert serving.stop() == 0


def test_what_is_not_ready_says_so(tmp_path: Path) -> None:
    serving = ServingProcess(tmp_path, v2_camera="line-1").start(ready=False)
    try:
        assert serving.get("/v2/health/live").status == 200
        for path in ("/v2/health/ready", f"/v2/models/{MODEL}/ready"):
            reply = serving.get(path)
            assert (reply.status, list(reply.json)) == (400, ["error"])
        reply = posted(serving, {"inputs": [image()]}, packed(JPEG))
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert serving.ask("POST", "/v2/repository/index").json == []
    finally:
        assert serving.stop() == 0


def test_a_length_over_the_limit_is_refused_before_the_body_is_sent(serving: ServingProcess) -> None:
    with serving.connected() as connection:
        connection.putrequest("POST", INFER)
        connection.putheader("Content-Length", str(9 << 20))
        connection.endheaders()
        assert connection.getresponse().status == 413


@settings(max_examples=300, deadline=None)
@given(
    length=st.one_of(
        st.none(), st.integers(-5, 400).map(str), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=24)
    ),
    body=st.one_of(st.binary(max_size=300), st.integers(0, 10**6).map(lambda seed: _mutated(seed))),
)
def test_whatever_is_sent_is_answered_and_never_a_fault(serving: ServingProcess, length: str | None, body: bytes) -> None:
    headers = {} if length is None else {"Inference-Header-Content-Length": length}
    reply = serving.ask("POST", INFER, body, headers, on=_connection(serving))
    assert reply.status == 200 or 400 <= reply.status < 500, (length, body, reply)


_OPEN: dict[int, HTTPConnection] = {}


def _connection(serving: ServingProcess) -> HTTPConnection:
    return _OPEN.setdefault(serving.port, HTTPConnection("127.0.0.1", serving.port, timeout=PATIENCE_S))


def _mutated(seed: int) -> bytes:
    """A good request with some of its bytes changed."""
    random = np.random.default_rng(seed)
    head = json.dumps({"inputs": [image()], "outputs": [{"name": "label"}]}).encode()
    body = bytearray(head + struct.pack("<I", len(JPEG)) + JPEG)
    for _ in range(int(random.integers(1, 6))):
        body[int(random.integers(len(head) + 6))] = int(random.integers(256))
    return bytes(body)


# The requests that KServe's documentation of the protocol shows, with our names of model, input and output.
KSERVE = [
    {
        "id": "42",
        "inputs": [{"name": "pixels", "shape": [1, 8, 8, 3], "datatype": "UINT8", "data": [7] * 192}],
        "outputs": [{"name": "probabilities"}],
    },
    {"inputs": [{"name": "pixels", "shape": [2, 8, 8, 3], "datatype": "UINT8", "data": [[[[1, 2, 3]] * 8] * 8] * 2}]},
]


@pytest.mark.parametrize("document", KSERVE)
def test_requests_as_kserve_documents_them_are_answered(serving: ServingProcess, document: dict[str, Any]) -> None:
    reply = serving.ask("POST", INFER, json.dumps(document).encode(), {"Content-Type": "application/json"})
    assert reply.status == 200, reply
    assert reply.json["model_name"] == MODEL
    assert reply.json.get("id") == document.get("id")
    rows = document["inputs"][0]["shape"][0]
    for output in reply.json["outputs"]:
        assert output["shape"][0] == rows
        assert len(output["data"]) == np.prod(output["shape"])
