"""A detector at a real process: boxes in pixels of the frame as sent, in the answer, on the log, over the inference protocol, and their labels back."""

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from contracts import frames as framing
from contracts.predictions import Box, BoxesTruth, Detections, Prediction
from contracts.repository import ModelRepository
from serving.models.runtime import How, Runtime
from serving.models.served import open_served
from tests.composed import composed, jpeg
from tests.serving_process import ServingProcess, eventually
from tests.small_detector import LABELS, ROWS, publish_small_detector
from tests.small_model import publish_small_version, set_channels

MADE = composed(4, seed=21, width=321, height=241, labels=("bright",))
CONTENTS = [jpeg(one.image) for one in MADE]
OUTPUTS = ["boxes", "embedding", "frame_id", "sample"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    house = ServingProcess(tmp_path_factory.mktemp("house"), v2_camera="line-2", sample_share=1.0)
    publish_small_detector(house.repository)
    yield house.start()
    assert house.stop() == 0


@pytest.fixture(scope="module")
def expected(serving: ServingProcess) -> list[Prediction]:
    """What the version says of the frames in this process."""
    version = ModelRepository(serving.repository).read("small", "1")
    spec, headers = version.manifest.input, [framing.inspect(content) for content in CONTENTS]
    pixels = np.stack([framing.see(content, spec) for content in CONTENTS])
    return [one.prediction for one in open_served(version, Runtime(How("cpu"))).score(pixels, headers, 0) if one]


def infer(serving: ServingProcess, outputs: Any = None) -> Any:
    """The frames over the inference protocol."""
    tensor = triton.InferInput("image", [len(CONTENTS), 1], "BYTES")
    tensor.set_data_from_numpy(np.array(CONTENTS, np.object_).reshape(-1, 1))
    with triton.InferenceServerClient(f"127.0.0.1:{serving.port}") as client:
        return client.infer("small", [tensor], outputs=outputs)


def test_boxes_are_answered_logged_and_labelled(serving: ServingProcess, expected: list[Prediction]) -> None:
    answers = [serving.answered(content) for content in CONTENTS]
    said = [msgspec.convert(answer["prediction"], Prediction) for answer in answers]
    assert said == expected
    assert any(isinstance(one, Detections) and len(one.boxes) > 3 for one in said)
    ids = [answer["frame_id"] for answer in answers]
    events = {event.frame_id: event for event in serving.scored_of(ids)}
    for answer, prediction in zip(answers, said, strict=True):
        event = events[answer["frame_id"]]
        assert event.prediction == prediction
        assert (event.confidence, event.entropy) == (round(prediction.confidence, 6), round(prediction.entropy, 6))
        assert event.sample == "uniform"
    truths = [
        {"frame_id": answer["frame_id"], "boxes": [msgspec.to_builtins(box) for box in one.boxes], "labelled_by": "maria"}
        for answer, one in zip(answers, MADE, strict=True)
    ]
    reply = serving.label(truths)
    assert reply.status == 200, reply
    labels = {label.frame_id: label for label in serving.labelled_of(ids)}
    for answer, one, prediction in zip(answers, MADE, said, strict=True):
        label = labels[answer["frame_id"]]
        assert label.truth == BoxesTruth(one.boxes)
        assert [scored.prediction for scored in label.predictions] == [prediction]


@pytest.mark.parametrize(
    ("truth", "problem"),
    [
        ({"label": "bright"}, "wrong-truth"),
        ({"boxes": [{"label": "crack", "x1": 0, "y1": 0, "x2": 5, "y2": 5}]}, "unknown-class"),
    ],
)
def test_a_label_that_is_no_boxes_of_the_model_is_refused(serving: ServingProcess, truth: dict[str, Any], problem: str) -> None:
    reply = serving.label({"frame_id": serving.answered(CONTENTS[0])["frame_id"], **truth})
    assert (reply.status, reply.problem) == (422, problem)


def test_the_inference_protocol_gives_the_same_boxes_as_rows(serving: ServingProcess, expected: list[Prediction]) -> None:
    found = infer(serving)
    assert [one["name"] for one in found.get_response()["outputs"]] == OUTPUTS
    rows = found.as_numpy("boxes")
    assert rows.shape == (len(CONTENTS), ROWS, 6)
    for its, prediction in zip(rows, expected, strict=True):
        assert isinstance(prediction, Detections)
        used = [Box(LABELS[int(row[5])], *row[:4].tolist(), row[4].item()) for row in its if row[4] > 0]
        assert [box.label for box in used] == [box.label for box in prediction.boxes]
        for box, other in zip(used, prediction.boxes, strict=True):
            assert msgspec.structs.astuple(box)[1:] == pytest.approx(msgspec.structs.astuple(other)[1:], abs=1e-4)
        assert not its[len(used) :].any()


def test_metadata_and_configuration_name_the_boxes(serving: ServingProcess) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{serving.port}") as client:
        metadata, config = client.get_model_metadata("small"), client.get_model_config("small")
    assert [one["name"] for one in metadata["outputs"]] == [one["name"] for one in config["output"]] == OUTPUTS
    assert metadata["outputs"][0] == {"name": "boxes", "datatype": "FP32", "shape": [-1, ROWS, 6]}
    assert config["output"][0] == {"name": "boxes", "data_type": "TYPE_FP32", "dims": [ROWS, 6]}
    assert metadata["parameters"]["labels"] == list(LABELS)
    assert metadata["parameters"]["threshold"] == 0.5


@pytest.mark.parametrize("output", [triton.InferRequestedOutput("label"), triton.InferRequestedOutput("boxes", class_count=2)])
def test_outputs_of_a_classifier_are_refused(serving: ServingProcess, output: Any) -> None:
    with pytest.raises(
        InferenceServerException, match=r"the outputs are boxes, embedding|of probabilities or embedding"
    ) as refused:
        infer(serving, [output])
    assert refused.value.status() == "400"


def test_a_classifier_under_a_detectors_name_is_served_beside_it(serving: ServingProcess) -> None:
    """Nothing holds a model's versions to one task; each answers as what it is."""
    publish_small_version(serving.repository, version="2", champion=False)
    set_channels(serving.repository, champion="1", candidate="2", share=1.0)
    answer = eventually("the candidate answers", lambda: serving.answered(CONTENTS[0]), lambda found: found["version"] == "2")
    assert answer["prediction"]["task"] == "classification"
    assert [one["name"] for one in infer(serving).get_response()["outputs"]] == [
        "probabilities",
        "label",
        "embedding",
        "frame_id",
        "sample",
    ]
    set_channels(serving.repository, champion="1", candidate=None, share=0.0)
    eventually("the detector answers again", lambda: serving.answered(CONTENTS[0]), lambda found: found["version"] == "1")
