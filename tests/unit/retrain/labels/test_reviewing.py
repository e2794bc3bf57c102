"""What a person types about a doubted label becomes the right event, and nothing else does."""

from collections.abc import Iterator

import pytest

from contracts.events import FrameLabelled, ReviewLabel, WantedFrame
from contracts.ids import new_id
from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth
from retrain.labels.reviewing import Event, asked, label_of

KNOWN = ("cat", "dog", "q")


def doubted(count: int, truth: Truth = ClassTruth("cat")) -> list[tuple[WantedFrame, FrameLabelled]]:
    found = []
    for number in range(count):
        frame = new_id(1.7e9 + number)
        label = FrameLabelled(
            event_id=frame, occurred_at=1.7e9, model="m", frame_id=frame, camera="line-1", site="s", captured_at=1.7e9, truth=truth, predictions=(),
            labelled_by="eve", stored=f"frames/{number}.jpg", sample="uniform",
        )  # fmt: skip
        found.append((WantedFrame(frame, "line-1", f"frames/{number}.jpg", "suspect", "dog"), label))
    return found


class Person:
    """Types its answers, and reads what it is told."""

    def __init__(self, *answers: str) -> None:
        self._answers: Iterator[str] = iter(answers)
        self.told: list[str] = []

    def ask(self, prompt: str) -> str:
        try:
            return next(self._answers)
        except StopIteration:
            raise EOFError from None

    def answers(self, count: int, known: tuple[str, ...] = ("cat", "dog"), truth: Truth = ClassTruth("cat")) -> list[Event]:
        return list(
            asked(doubted(count, truth), lambda one: f"/tmp/{one.path}", known, "ada", lambda: 1.8e9, self.ask, self.told.append)
        )


def test_each_key_and_a_class() -> None:
    said = Person("r", "wrong", "u", "s", "dog", "").answers(6)
    assert [one.verdict if isinstance(one, ReviewLabel) else one.truth for one in said] == [
        "right",
        "wrong",
        "unsure",
        ClassTruth("dog"),
    ]
    assert {(type(one) is ReviewLabel, one.occurred_at, one.model) for one in said} == {(True, 1.8e9, "m"), (False, 1.8e9, "m")}
    last = said[-1]
    assert isinstance(last, FrameLabelled)
    assert (last.labelled_by, last.source, last.sample, last.stored) == ("ada", "review", "uniform", "frames/4.jpg")
    assert len({one.event_id for one in said}) == 4


def test_what_is_no_answer_is_asked_again_and_the_heads_are_heard_on_demand() -> None:
    person = Person("zebra", "?", "r")
    assert len(person.answers(1)) == 1
    assert person.told[0] == "1 of 1  /tmp/frames/0.jpg  camera line-1  labelled cat by eve"
    assert person.told[1:] == ["'zebra' is none of the keys and no class: cat, dog", "heads that never learned from it say dog"]


@pytest.mark.parametrize("answers", [("r", "q", "r"), ("r",)])
def test_q_and_the_end_of_the_input_end_it(answers: tuple[str, ...]) -> None:
    assert len(Person(*answers).answers(3)) == 1


def test_a_class_that_is_called_like_a_key_is_a_class() -> None:
    (said,) = Person("q").answers(1, known=KNOWN)
    assert isinstance(said, FrameLabelled)
    assert said.truth == ClassTruth("q")


def test_boxes_are_not_corrected_by_a_class_s_name() -> None:
    boxes = BoxesTruth((Box("cat", 1, 2, 3, 4), Box("dog", 1, 2, 3, 4)))
    person = Person("dog", "w")
    (said,) = person.answers(1, truth=boxes)
    assert isinstance(said, ReviewLabel)
    assert "labelled cat, dog" in person.told[0]
    assert label_of(doubted(1, BoxesTruth(()))[0][1]) == "(none)"
