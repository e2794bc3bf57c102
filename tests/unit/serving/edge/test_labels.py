"""Labels: parsed strictly, joined with the frame's card, all or none."""

import json
from pathlib import Path

import msgspec
import pytest

from contracts.events import FrameLabelled
from contracts.frame_store import FrameStore, StoredFrame
from contracts.ids import new_id
from contracts.logs import Logger
from contracts.predictions import Box, BoxesTruth, ClassTruth, Detections, Prediction, Scored, classification
from serving.delivery.journal import Journal
from serving.delivery.spool import Spool
from serving.edge.labels import MAX_LABELS, Labels, parse
from serving.problems import ProblemError
from serving.scoring.keeper import Keeper
from tests.unit.serving import parts

KNOWN = ("cat", "dog")


def _card(prediction: Prediction | None = None) -> StoredFrame:
    return parts.card(Scored("1", "champion", prediction or classification(KNOWN, [0.9, 0.1])), sample="uncertain")


class House:
    def __init__(self, folder: Path, spool_bytes: int = 1 << 20) -> None:
        self.spool = Spool(folder / "spool", spool_bytes)
        instruments = parts.instruments()
        self.keeper = Keeper(FrameStore(str(folder / "frames")), "small", 1 << 20, 30.0, instruments, Logger("test"))
        journal = Journal(self.spool, "serving", instruments, Logger("test"))
        self.labels = Labels(self.keeper, journal, lambda: KNOWN, 30.0, instruments, lambda: parts.NOW + 60)

    def events(self) -> list[FrameLabelled]:
        found = []
        while batch := self.spool.read(100, 0):
            found += [msgspec.json.decode(record.value, type=FrameLabelled) for record in batch.records]
            self.spool.acknowledge(batch.end)
        return found


def _refused(house: House, posts: object) -> ProblemError:
    with pytest.raises(ProblemError) as refused:
        house.labels.take(json.dumps(posts).encode())
    assert house.events() == []
    return refused.value


def test_a_label_is_joined_with_the_card(tmp_path: Path) -> None:
    house, card = House(tmp_path), _card()
    house.keeper.keep(card, b"frame")
    taken = house.labels.take(json.dumps({"frame_id": card.frame_id, "label": "dog", "labelled_by": "eve"}).encode())
    (event,) = house.events()
    assert taken.event_ids == (event.event_id,)
    assert (event.truth, event.predictions, event.labelled_by) == (ClassTruth("dog"), card.predictions, "eve")
    assert (event.frame_id, event.camera, event.site, event.captured_at) == (card.frame_id, "c", "s", 1.0)
    assert (event.stored, event.sample, event.occurred_at) == (card.path, "uncertain", parts.NOW + 60)


def test_the_same_truth_of_one_moment_is_the_same_event_and_another_is_another(tmp_path: Path) -> None:
    house, card = House(tmp_path), _card()
    house.keeper.keep(card, b"frame")
    posts = [
        {"frame_id": card.frame_id, "label": label, "labelled_by": by} for label, by in [("dog", "a"), ("dog", "b"), ("cat", "a")]
    ]
    first, same, other = house.labels.take(json.dumps(posts).encode()).event_ids
    assert first == same != other


def test_all_or_none(tmp_path: Path) -> None:
    house, card = House(tmp_path), _card()
    house.keeper.keep(card, b"frame")
    good, gone = {"frame_id": card.frame_id, "label": "dog"}, {"frame_id": new_id(5.0), "label": "dog"}
    problem = _refused(house, [good, gone, {"frame_id": "x", "label": "dog"}])
    assert (problem.kind, problem.more["frame_ids"]) == ("unknown-frame", [gone["frame_id"], "x"])
    assert "for 30 days" in problem.detail
    problem = _refused(house, [good, {"frame_id": card.frame_id, "label": "dgo"}])
    assert (problem.kind, problem.more["known"]) == ("unknown-class", ["cat", "dog"])


def test_a_full_spool_holds_labels_up_rather_than_dropping_them(tmp_path: Path) -> None:
    house, card = House(tmp_path, spool_bytes=100), _card()
    house.keeper.keep(card, b"frame")
    problem = _refused(house, {"frame_id": card.frame_id, "label": "dog"})
    assert (problem.kind, problem.status, problem.retry_after_s) == ("labels-held-up", 429, 10)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"\xff\xfe", "malformed"),
        (b'"x"', "Expected `object`"),
        (b'{"frame_id": 5}', "$.frame_id"),
        (b'{"frame_id": "x", "lable": "dog"}', "lable"),
        (b'[{"frame_id": "x"}, {"label": "dog"}]', "$[1]"),
        (b"[]", "0 labels"),
        (b"[" + b",".join([b'{"frame_id": "x"}'] * (MAX_LABELS + 1)) + b"]", "1001 labels"),
        (b"[" * 100_000, ""),
        (b'[{"frame_id": "' + b"x" * 129 + b'"}]', "$[0].frame_id"),
        (b'{"frame_id": "x", "label": "dog", "labelled_by": "' + b"x" * 129 + b'"}', "$.labelled_by"),
        (
            b'{"frame_id": "x", "boxes": [' + b",".join([b'{"label": "dog", "x1": 1, "y1": 1, "x2": 2, "y2": 2}'] * 2001) + b"]}",
            "length <= 2000",
        ),
    ],
)
def test_what_is_not_a_label_is_told_where(body: bytes, message: str) -> None:
    with pytest.raises(ProblemError) as refused:
        parse(body)
    assert refused.value.kind == "bad-json"
    assert message in refused.value.detail


def test_a_truth_that_does_not_fit_its_frame_is_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    classified, detected = _card(), _card(Detections((Box("cat", 0, 0, 5, 5, 0.8),)))
    for card in (classified, detected):
        house.keeper.keep(card, b"frame")
    box = {"label": "dog", "x1": 1, "y1": 2, "x2": 3, "y2": 4}
    problem = _refused(house, {"frame_id": classified.frame_id, "boxes": [box]})
    assert (problem.kind, problem.more) == ("wrong-truth", {"frame_id": classified.frame_id})
    problem = _refused(house, {"frame_id": detected.frame_id, "boxes": [{**box, "label": "cow"}]})
    assert (problem.kind, problem.more) == ("unknown-class", {"frame_id": detected.frame_id, "known": ["cat", "dog"]})
    house.labels.take(json.dumps([{"frame_id": detected.frame_id, "boxes": [box]}]).encode())
    (event,) = house.events()
    assert (event.truth, event.source) == (BoxesTruth((Box("dog", 1, 2, 3, 4),)), "endpoint")
