"""Labelling: which frame comes next, and what a form becomes."""

from pathlib import Path

import msgspec
import pytest

from contracts.errors import StoreError
from contracts.events import FrameLabelled, ReviewLabel
from contracts.frame_store import kept_path
from contracts.frames import inspect
from contracts.predictions import Box, BoxesTruth, ClassTruth, Detections
from monitor.console.answering import Answering
from monitor.console.forms import FormError
from monitor.console.places import Places
from monitor.console.queue import LATE_S, LOOKS, Queue, Turn
from monitor.console.said import Answered
from tests.console_house import EVIL, MODEL, NOW, ConsoleHouse
from tests.small_model import LABELS, photographs

CONTENT = photographs(4)[0]
SIZE = inspect(CONTENT[0])
ADA = {"by": "ada"}


@pytest.fixture
def house(tmp_path: Path) -> ConsoleHouse:
    return ConsoleHouse(tmp_path)


def queue(house: ConsoleHouse) -> Queue:
    return Queue(house.view, Places(house.url, str(house.folder / "frames"), house.folder), MODEL)


def test_frames_come_in_order_and_around_without_those_that_are_done(house: ConsoleHouse) -> None:
    cards = [house.frame(one) for one in CONTENT]
    house.take(house.want(cards))
    ids = [card.frame_id for card in cards]
    line = queue(house)
    assert shown(line.turn(NOW)) == ids[0]
    assert [shown(line.turn(NOW, after=one)) for one in ids] == [*ids[1:], ids[0]]
    assert shown(line.turn(NOW, after="unknown")) == ids[0]
    house.take(review(ids[1]))
    assert shown(line.turn(NOW, after=ids[0])) == ids[2]
    assert shown(line.turn(NOW, frame_id=ids[1])) == ids[1]  # asked for by name: an undo
    assert shown(line.turn(NOW, frame_id="unknown")) == ids[0]
    turn = line.turn(NOW)
    assert turn is not None
    assert (turn.done, turn.total, turn.before, turn.after, line.left(NOW)) == (1, 4, ids[3], ids[1], 3)
    assert line.left(NOW + 2 * 86_400) == 4  # wanted again, a day later


def test_frames_that_are_gone_or_damaged_are_passed_over(house: ConsoleHouse) -> None:
    cards = [house.frame(one) for one in (CONTENT[0], b"no picture", CONTENT[2])]
    house.take(house.want(cards))
    (house.folder / "frames" / cards[0].path).unlink()
    assert shown(queue(house).turn(NOW)) == cards[2].frame_id


def test_frames_that_are_gone_stand_in_nobodys_way(house: ConsoleHouse) -> None:
    cards = [house.frame(CONTENT[0]) for _ in range(LOOKS + 2)]
    house.take(house.want(cards))
    for card in cards[:-1]:
        (house.folder / "frames" / card.path).unlink()
    line = queue(house)
    assert line.turn(NOW) is None  # it looked at as many as it may
    assert shown(line.turn(NOW)) == cards[-1].frame_id


def test_a_card_that_cannot_be_read_stands_in_nobodys_way(house: ConsoleHouse) -> None:
    cards = [house.frame(one) for one in CONTENT[:2]]
    house.take(house.want(cards))
    (house.folder / "frames" / cards[0].path).with_suffix(".json").write_bytes(b"{")
    line = queue(house)
    with pytest.raises(StoreError, match="not readable"):
        line.turn(NOW)
    assert shown(line.turn(NOW)) == cards[1].frame_id


def test_a_doubted_label_is_looked_at_again_after_retention_took_the_frame(house: ConsoleHouse) -> None:
    card = house.frame(CONTENT[0])
    path = kept_path(MODEL, house.store.keep(MODEL, CONTENT[0]))
    house.store.keep_card(MODEL, card.frame_id, path)
    house.store.prune(MODEL, 0, 2 * NOW)
    house.take(house.want([msgspec.structs.replace(card, path=path)], ("suspect",)))
    turn = queue(house).turn(NOW)
    assert turn is not None
    assert (turn.card, turn.size) == (msgspec.structs.replace(card, path=path), SIZE)
    assert house.get(f"/console/frames/{card.frame_id}")[0] == 200


def test_a_label_that_was_given_here_and_is_doubted_since_is_asked_for_again(house: ConsoleHouse) -> None:
    card = house.frame(CONTENT[0])
    house.take(house.want([card], ("suspect",)), review(card.frame_id))
    line = queue(house)
    assert line.turn(NOW) is None
    house.now += LATE_S - 1  # a list that may not have heard of it
    house.take(house.want([card], ("suspect",)))
    assert (line.turn(house.now), line.left(house.now)) == (None, 0)
    house.now += 1
    house.take(house.want([card], ("suspect",)))
    assert shown(line.turn(house.now)) == card.frame_id


def test_two_people_are_shown_different_frames(house: ConsoleHouse) -> None:
    cards = [house.frame(one) for one in CONTENT[:2]]
    house.take(house.want(cards))
    ids = [card.frame_id for card in cards]
    line = queue(house)
    assert shown(line.turn(NOW, name="ada")) == ids[0]
    assert shown(line.turn(NOW + 1, name="bob")) == ids[1]
    assert shown(line.turn(NOW + 2, name="ada")) == ids[0]  # loaded again
    assert shown(line.turn(NOW + 3, name="eve")) == ids[0]  # better twice than none
    assert shown(line.turn(NOW + 62, name="bob")) == ids[1]
    assert shown(line.turn(NOW + 130, name="bob")) == ids[0]


def test_an_undo_finds_its_frame_when_the_list_has_moved_on(house: ConsoleHouse) -> None:
    cards = [house.frame(one) for one in CONTENT[:2]]
    house.take(house.want(cards[:1], ("suspect",)), house.want(cards[1:]))
    turn = queue(house).turn(NOW, frame_id=cards[0].frame_id)
    assert turn is not None
    assert (turn.card.frame_id, turn.wanted.why, turn.before, turn.after) == (cards[0].frame_id, "uniform", "", "")


def test_nothing_wanted_is_no_turn(house: ConsoleHouse) -> None:
    assert queue(house).turn(NOW) is None
    house.take(house.want([]))
    assert queue(house).turn(NOW, "x", "y") is None
    assert queue(house).left(NOW) == 0


def test_a_label_is_the_event_that_any_other_way_makes(house: ConsoleHouse) -> None:
    card = house.frame(CONTENT[0])
    (event,) = Answering(lambda: NOW).events(card, SIZE, False, LABELS, None, {**ADA, "label": "flower"}, "k")
    assert isinstance(event, FrameLabelled)
    assert (event.truth, event.source, event.labelled_by, event.sample) == (
        ClassTruth("flower"),
        "console",
        "ada (key k)",
        "uniform",
    )
    assert (event.frame_id, event.stored, event.predictions) == (card.frame_id, card.path, card.predictions)
    with pytest.raises(FormError, match="'rust' is no class"):
        Answering(lambda: NOW).events(card, SIZE, False, LABELS, None, {**ADA, "label": "rust"}, "")
    with pytest.raises(FormError, match="your name"):
        Answering(lambda: NOW).events(card, SIZE, False, LABELS, None, {"label": "flower"}, "")


def test_a_doubted_label_was_looked_at(house: ConsoleHouse) -> None:
    card = house.frame(CONTENT[0])
    label, said = Answering(lambda: NOW).events(card, SIZE, True, LABELS, None, {**ADA, "label": "flower"}, "")
    assert isinstance(label, FrameLabelled)
    assert isinstance(said, ReviewLabel)
    assert (said.frame_id, said.verdict, said.by) == (card.frame_id, "right", "ada")


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        (None, "unsure"),
        (Answered(None, None, "ada", NOW), "unsure"),
        (Answered("china", None, "ada", NOW), "wrong"),
        (Answered(None, (), "ada", NOW), "wrong"),
    ],
)
def test_unsure_takes_back_what_was_said_here(house: ConsoleHouse, before: Answered | None, verdict: str) -> None:
    card = house.frame(CONTENT[0])
    (event,) = Answering(lambda: NOW).events(card, SIZE, False, LABELS, before, {**ADA, "unsure": "yes"}, "")
    assert isinstance(event, ReviewLabel)
    assert event.verdict == verdict


def test_boxes_lie_in_the_frame_whichever_way_they_were_drawn(house: ConsoleHouse) -> None:
    card = house.frame(CONTENT[0], prediction=Detections(()))
    text = '[{"label": "china", "x1": 60.123, "y1": 50, "x2": 10, "y2": -0.4, "score": 0.2}]'
    (event,) = Answering(lambda: NOW).events(card, SIZE, False, LABELS, None, {**ADA, "boxes": text}, "")
    assert isinstance(event, FrameLabelled)
    assert event.truth == BoxesTruth((Box("china", 10.0, 0.0, 60.12, 50.0, 1.0),))
    (event,) = Answering(lambda: NOW).events(card, SIZE, False, LABELS, None, {**ADA, "boxes": "[]"}, "")
    assert isinstance(event, FrameLabelled)
    assert event.truth == BoxesTruth(())


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ("", "cannot be read"),
        ('[{"label": "china"}]', "cannot be read"),
        ('[{"label": "rust", "x1": 1, "y1": 1, "x2": 9, "y2": 9}]', "no class"),
        ('[{"label": "china", "x1": 1, "y1": 1, "x2": 3, "y2": 9}]', "2 pixels or less"),
        ('[{"label": "china", "x1": 1, "y1": 1, "x2": 99, "y2": 9}]', "inside the frame of 96 x 96"),
        ('[{"label": "china", "x1": 1e400, "y1": 1, "x2": 9, "y2": 9}]', "cannot be read"),
        ("[" + ",".join(['{"label": "china", "x1": 1, "y1": 1, "x2": 9, "y2": 9}'] * 2001) + "]", "cannot be read"),
    ],
)
def test_boxes_that_cannot_be_are_refused(house: ConsoleHouse, boxes: str, message: str) -> None:
    card = house.frame(CONTENT[0], EVIL, Detections(()))
    with pytest.raises(FormError, match=message):
        Answering(lambda: NOW).events(card, SIZE, False, LABELS, None, {**ADA, "boxes": boxes}, "")


def shown(turn: Turn | None) -> str:
    assert turn is not None
    return turn.card.frame_id


def review(frame_id: str) -> ReviewLabel:
    return ReviewLabel(event_id=frame_id, occurred_at=NOW, model=MODEL, frame_id=frame_id, by="bob", verdict="unsure")
