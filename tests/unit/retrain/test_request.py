"""The two files of a job's folder: those of an earlier release are read, with what they could not know at its default."""

import msgspec

from contracts.predictions import Box, BoxesTruth, ClassTruth
from retrain.request import CandidateOutcome, CandidateRequest, LabelledFrame, Step

FRAME = {"frame_id": "f", "camera": "c", "site": "s", "captured_at": 1.0, "path": "frames/f.jpg"}


def frame(**fields: object) -> LabelledFrame:
    return msgspec.convert({**FRAME, **fields}, LabelledFrame)


def test_the_truth_follows_from_a_label_of_an_earlier_release() -> None:
    assert frame(label="crack").truth == ClassTruth("crack")
    assert frame(label="crack", sample="uncertain").truth == ClassTruth("crack")


def test_a_truth_that_is_given_stands() -> None:
    boxes = BoxesTruth((Box("crack", 1.0, 2.0, 3.0, 4.0),))
    assert msgspec.json.decode(msgspec.json.encode(frame(truth=msgspec.to_builtins(boxes))), type=LabelledFrame).truth == boxes
    assert frame(truth={"task": "classification", "label": "fine"}, label="fine").truth == ClassTruth("fine")


def test_a_request_and_an_outcome_of_an_earlier_release_are_read() -> None:
    old = {
        "job_id": "j", "request_key": "k", "model": "m", "parent": "1", "repository": "r", "frame_store": "f", "since": 0.0,
        "labels": [{**FRAME, "label": "crack"}], "seed": 1, "recordings": {"of an earlier release": "gate"},
    }  # fmt: skip
    request = msgspec.convert(old, CandidateRequest)
    assert (request.fence, request.techniques, request.override) == (0, (), "")
    outcome = msgspec.json.decode(b'{"verdict": "rejected", "reason": "worse"}', type=CandidateOutcome)
    assert (outcome.package, outcome.table, outcome.suspects) == ({}, (), ())
    assert msgspec.json.decode(b'{"step": "train", "progress": 0.5}', type=Step) == Step("train", 0.5)
