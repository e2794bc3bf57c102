"""The review list: what a process doubted, less what was changed since and what people have looked at again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.events import FrameLabelled, ReviewLabel, WantedFrame
from contracts.predictions import Box, BoxesTruth, ClassTruth
from retrain.labels.book import Labels
from retrain.labels.doubts import Verdict
from retrain.request import Suspect, in_words
from retrain.state.database import Database
from retrain.state.opening import open_state
from tests.postgres_server import PASSWORD, server


@pytest.fixture(params=["sqlite", "postgres"])
def labels(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Labels]:
    url = server().url(server().database()) if request.param == "postgres" else ""
    database = Database(open_state(url, PASSWORD, tmp_path / "state.sqlite3", "m"), "test")
    made = Labels(database)
    for frame in "abcd":
        label(made, frame, "cat", 100.0)
    yield made
    database.close()


def label(labels: Labels, frame: str, said: str, at: float) -> str:
    event = FrameLabelled(
        event_id=f"{frame}{at}", occurred_at=at, model="m", frame_id=frame, camera="line-1", site="s", captured_at=1.0,
        truth=ClassTruth(said), predictions=(), stored=f"frames/{frame}.jpg", sample="uniform",
    )  # fmt: skip
    return labels.add(event)


def review(labels: Labels, frame: str, verdict: Verdict, at: float = 200.0) -> str:
    return labels.doubts.reviewed(
        ReviewLabel(event_id=f"{frame}{at}", occurred_at=at, model="m", frame_id=frame, by="ada", verdict=verdict)
    )


def doubt(labels: Labels, *frames: str) -> None:
    labels.doubts.found([Suspect(frame, "cat", "dog", 0.1 * place) for place, frame in enumerate(frames)])


def listed(labels: Labels) -> str:
    return "".join(frame.frame_id for frame in labels.doubts.listed(9))


def test_the_least_probable_label_stands_first_and_the_next_process_replaces_the_list(labels: Labels) -> None:
    doubt(labels, "c", "a", "gone", "b")
    assert labels.doubts.listed(1) == [WantedFrame("c", "line-1", "frames/c.jpg", "suspect", "dog")]
    assert listed(labels) == "cab"
    doubt(labels, "d")
    assert listed(labels) == "d"


def test_boxes_that_were_drawn_otherwise_meanwhile_are_in_no_doubt(labels: Labels) -> None:
    for frame, boxes in (("x", 1), ("y", 2)):
        truth = BoxesTruth((Box("bolt", 0.0, 0.0, 9.0, 9.0),) * boxes)
        labels.add(
            FrameLabelled(
                event_id=frame, occurred_at=100.0, model="m", frame_id=frame, camera="line-1", site="s", captured_at=1.0, truth=truth, predictions=(),
                stored=f"frames/{frame}.jpg", sample="uniform",
            )
        )  # fmt: skip
    labels.doubts.found([Suspect(frame, "1 bolt", "a nut at 1, 2 to 3, 4, not labelled", 0.1) for frame in "xy"])
    assert listed(labels) == "x"
    assert in_words(BoxesTruth(())) == "nothing"


def test_a_label_that_was_changed_meanwhile_is_in_no_doubt(labels: Labels) -> None:
    label(labels, "a", "dog", 150.0)
    doubt(labels, "a", "b", "c")
    label(labels, "b", "dog", 160.0)
    label(labels, "c", "cat", 160.0)
    assert listed(labels) == "c"


def test_who_looked_takes_it_off_and_only_the_unsure_comes_back(labels: Labels) -> None:
    for verdicts in ("abc", ""):
        doubt(labels, "a", "b", "c", "d")
        for frame in verdicts:
            assert review(labels, frame, {"a": "right", "b": "wrong", "c": "unsure"}[frame]) == ""  # type: ignore[arg-type]
        assert listed(labels) == ("d" if verdicts else "cd")
    assert (labels.doubts.called("right"), labels.doubts.called("wrong"), labels.doubts.called("unsure")) == (("a",), ("b",), ())
    assert (labels.count_new(0.0, ("another",)), len(labels.usable(()))) == (3, 3)


def test_the_newest_verdict_holds_and_one_of_an_older_label_is_refused(labels: Labels) -> None:
    review(labels, "a", "wrong", 300.0)
    review(labels, "a", "right", 250.0)
    assert labels.doubts.called("wrong") == ("a",)
    review(labels, "a", "right", 350.0)
    assert labels.doubts.called("right") == ("a",)
    label(labels, "b", "dog", 400.0)
    assert review(labels, "b", "wrong", 350.0) == "the frame was labelled again since"
    assert review(labels, "x", "right") == review(labels, "x", "unsure") == "the frame has no label"
    assert labels.doubts.called("wrong") == ()


def test_the_order_of_the_topics_changes_nothing(labels: Labels) -> None:
    assert review(labels, "new", "wrong", 300.0) == ""  # its label waits behind a thousand others
    label(labels, "new", "cat", 250.0)
    review(labels, "a", "wrong", 300.0)
    label(labels, "a", "dog", 250.0)
    assert labels.doubts.called("wrong") == ("a", "new")
    assert [frame.frame_id for frame in labels.usable(())] == ["b", "c", "d"]
    label(labels, "new", "cat", 350.0)
    label(labels, "a", "cat", 350.0)
    assert labels.doubts.called("wrong") == ()
    review(labels, "early", "wrong", 300.0)
    label(labels, "early", "cat", 400.0)  # said since, and the first to arrive
    assert len(labels.usable(())) == 6
    doubt(labels, "b", "c")
    review(labels, "b", "right", 500.0)  # what the console says of a doubted label, in either order
    label(labels, "b", "dog", 500.0)
    label(labels, "c", "dog", 500.0)
    review(labels, "c", "right", 500.0)
    assert labels.doubts.called("right") == ("b", "c")
    assert labels.doubts.settled()


def test_the_list_is_settled_when_all_of_it_was_looked_at_or_corrected(labels: Labels) -> None:
    assert not labels.doubts.settled()
    doubt(labels, "a", "b", "c")
    review(labels, "a", "unsure")
    label(labels, "b", "dog", 200.0)
    assert not labels.doubts.settled()
    review(labels, "c", "wrong")
    assert labels.doubts.settled()
    label(labels, "c", "dog", 300.0)
    assert labels.doubts.settled()
    labels.doubts.found(())
    assert not labels.doubts.settled()
    doubt(labels, "a", "d")
    assert listed(labels) == "ad"
