"""A manifest comes back as it was written, and what makes no sense is refused by name."""

import json

import msgspec
import numpy as np
import pytest

from contracts import manifest as manifests
from contracts.errors import VersionError
from contracts.manifest import FileEntry, InputSpec, Lineage, Manifest
from contracts.predictions import Box
from contracts.quality import quality
from contracts.quality_detection import quality as quality_of_boxes
from tests.unit.contracts.versions import small_manifest

FILES = {"model.onnx": FileEntry("ab" * 32, 10), "baseline.npz": FileEntry("cd" * 32, 20)}


DETECTOR = {
    "task": "detection", "boxes": "boxes", "scores": "", "scores_are": "probabilities", "positive": None, "benchmark": None,
}  # fmt: skip


def whole() -> Manifest:
    judged = quality(("good", "defect"), np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), "defect")
    return msgspec.structs.replace(small_manifest(), files=FILES, benchmark=judged)


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(manifests.encode(whole())), **fields}).encode()


def test_round_trip() -> None:
    assert manifests.decode(manifests.encode(whole()), "here") == whole()


def test_it_is_readable_and_stable() -> None:
    text = manifests.encode(whole()).decode()
    assert text == manifests.encode(manifests.decode(text.encode(), "here")).decode()
    assert text.startswith('{\n "benchmark"')
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_a_detector_answers_with_boxes_and_has_a_benchmark_of_its_own() -> None:
    box = Box("good", 0, 0, 5, 5)
    judged = quality_of_boxes([[box], []], [[box], []], [0, 1])
    read = manifests.decode(changed(**DETECTOR, detection=msgspec.to_builtins(judged)), "here")
    assert (read.answers, read.detection, read.threshold) == ("boxes", judged, 0.5)
    assert whole().answers == "scores"


def test_the_digest_is_the_models() -> None:
    assert manifests.digest(whole()) == "ab" * 32


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Input data was truncated"),
        (b"{", "truncated"),
        (b"\xff", "malformed"),
        (b"[" * 200_000, "recursion|Expected `object`"),
        (changed(taste="salty"), "unknown field `taste`"),
        (changed(labels=[]), "give at least one, each once"),
        (changed(labels=["good", "good"]), "each once"),
        (changed(positive="bad"), "positive 'bad' is none of the labels"),
        (changed(temperature=0), "temperature"),
        (changed(temperature=None), "temperature"),
        (changed(task="segmentation"), "task"),
        (changed(scores_are="energies"), "scores_are"),
        (changed(input={"name": "image", "height": 0, "width": 32}), "height"),
        (changed(input={"name": "image", "height": 32, "width": 30_000}), "width"),
        (changed(input={"name": "image", "height": 32, "width": 32, "fit": "crop"}), "fit"),
        (changed(input={"name": "image", "height": 32, "width": 32, "decode": "half"}), "decode"),
        (changed(files={}), "model.onnx and baseline.npz must be among them"),
        (changed(files={"model.onnx": {"sha256": "ab", "bytes": 1}}), "baseline.npz must be among them"),
        (changed(created_at="yesterday"), "created_at"),
        (changed(scores=""), "the task is 'classification'; name the output in `scores`"),
        (changed(boxes="boxes"), "the task is 'classification', which has no 'boxes'"),
        (changed(task="detection"), "the task is 'detection'; name the output in `boxes`"),
        (changed(task="detection", boxes="boxes"), "the task is 'detection', which has no 'scores'"),
        (changed(**DETECTOR, temperature=2), "the task is 'detection', which has no 'temperature'"),
        (changed(**{**DETECTOR, "scores_are": "logits"}), "which has no 'scores_are'"),
        (changed(**{**DETECTOR, "positive": "defect"}), "which has no 'positive'"),
        (changed(**DETECTOR, threshold=1), "threshold"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(content: bytes, message: str) -> None:
    with pytest.raises(VersionError, match=rf"(?s)^models/solar/1/manifest\.json.*({message})"):
        manifests.decode(content, "models/solar/1")


def test_the_input_takes_any_sensible_size() -> None:
    for side in (1, 224, 8192):
        spec = {"name": "image", "height": side, "width": side, "fit": "letterbox"}
        assert manifests.decode(changed(input=spec), "here").input == InputSpec("image", side, side, "letterbox")


def test_a_lineage_of_an_earlier_release_is_read() -> None:
    assert manifests.decode(changed(lineage={"origin": "import"}), "here").lineage == Lineage("import")
    told = {
        "origin": "retrain",
        "recipe": "efficientnet-lite0",
        "gates": "ab" * 32,
        "overrides": ["ada: too few of class crack, known"],
    }
    assert manifests.decode(changed(lineage=told), "here").lineage.overrides == ("ada: too few of class crack, known",)


def test_a_version_from_before_there_was_a_choice_is_decoded_in_full() -> None:
    spec = {"name": "image", "height": 32, "width": 32, "fit": "stretch"}
    assert manifests.decode(changed(input=spec), "here").input.decode == "full"
    assert manifests.decode(changed(input={**spec, "decode": "reduced"}), "here").input.decode == "reduced"
