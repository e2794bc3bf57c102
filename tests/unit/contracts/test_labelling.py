"""A truth fits its frame or is refused, and the same truth of the same frame and moment is the same event, whoever brings it."""

import pytest

from contracts.errors import TruthRefusedError
from contracts.frame_store import StoredFrame, frame_path
from contracts.labelling import labelled, truth_of
from contracts.predictions import Box, BoxesTruth, ClassTruth, Detections, Prediction, Scored, classification

FRAME = "0199aaaa-0000-7000-8000-000000000001"
KNOWN = ("cat", "dog")
BOXES = (Box("dog", 1, 2, 3, 4),)


def card(prediction: Prediction) -> StoredFrame:
    return StoredFrame(
        frame_id=FRAME,
        model="m",
        camera="c",
        site="s",
        captured_at=1.0,
        codec="jpeg",
        sample="uncertain",
        predictions=(Scored("1", "champion", prediction),),
        path=frame_path("m", FRAME, "jpeg"),
    )


CLASSIFIED = card(classification(KNOWN, [0.9, 0.1]))
DETECTED = card(Detections((Box("cat", 0, 0, 5, 5, 0.8),)))


def test_a_truth_is_of_the_kind_that_the_prediction_is() -> None:
    assert truth_of(CLASSIFIED, "dog", None, KNOWN) == ClassTruth("dog")
    assert truth_of(DETECTED, None, BOXES, KNOWN) == BoxesTruth(BOXES)
    assert truth_of(DETECTED, None, (), KNOWN) == BoxesTruth(())


@pytest.mark.parametrize(
    ("frame", "label", "boxes", "kind", "said"),
    [
        (CLASSIFIED, None, None, "wrong-truth", "needs `label`, one of the model's classes, and nothing else"),
        (CLASSIFIED, None, (), "wrong-truth", "needs `label`"),
        (CLASSIFIED, "dog", (), "wrong-truth", "needs `label`"),
        (CLASSIFIED, "dgo", None, "unknown-class", "'dgo' is no class of the versions in service; known: cat, dog"),
        (DETECTED, "dog", None, "wrong-truth", "needs `boxes`, a list that may be empty, and nothing else"),
        (DETECTED, None, None, "wrong-truth", "needs `boxes`"),
        (DETECTED, "dog", BOXES, "wrong-truth", "needs `boxes`"),
        (DETECTED, None, (*BOXES, Box("cow", 1, 2, 3, 4)), "unknown-class", "'cow' is no class"),
    ],
)
def test_what_cannot_be_true_is_refused(
    frame: StoredFrame, label: str | None, boxes: tuple[Box, ...] | None, kind: str, said: str
) -> None:
    with pytest.raises(TruthRefusedError) as refused:
        truth_of(frame, label, boxes, KNOWN)
    assert refused.value.kind == kind
    assert said in str(refused.value)


def test_the_event_carries_the_card_and_its_id_frame_truth_and_moment() -> None:
    event = labelled(CLASSIFIED, ClassTruth("dog"), "eve", "endpoint", 60.0)
    assert (event.frame_id, event.model, event.camera, event.site, event.captured_at) == (FRAME, "m", "c", "s", 1.0)
    assert (event.stored, event.sample, event.predictions) == (CLASSIFIED.path, "uncertain", CLASSIFIED.predictions)
    assert (event.labelled_by, event.source, event.occurred_at) == ("eve", "endpoint", 60.0)
    assert labelled(CLASSIFIED, ClassTruth("dog"), "ann", "csv:a.csv", 60.0).event_id == event.event_id
    assert (
        labelled(CLASSIFIED, ClassTruth("dog"), "eve", "endpoint", 60.001).event_id != event.event_id
    )  # said again: a correction of what came between
    assert labelled(CLASSIFIED, ClassTruth("cat"), "eve", "endpoint", 60.0).event_id != event.event_id
