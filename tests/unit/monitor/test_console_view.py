"""What the console knows of the log: the newest word of each, in whatever order and however often it comes, and bounded."""

from pathlib import Path

import msgspec
import pytest

from contracts.events import Approve, LabelsWanted, ReviewLabel, ServingReported
from contracts.labelling import labelled
from contracts.predictions import BoxesTruth, ClassTruth
from monitor.console import said
from monitor.console import view as views
from monitor.console.said import Answered
from monitor.console.view import ACTIVE, View
from tests.console_house import MODEL, NOW, ConsoleHouse
from tests.small_model import photographs


@pytest.fixture
def house(tmp_path: Path) -> ConsoleHouse:
    return ConsoleHouse(tmp_path)


def test_a_jobs_story_is_its_steps_with_the_newest_word_of_each(house: ConsoleHouse) -> None:
    house.take(
        house.job(1, "queued", 100),
        house.job(1, "running", 90, step="collect", progress=0.1),
        house.job(1, "running", 80, step="train", progress=0.2),
        house.job(1, "running", 70, step="train", progress=0.6, metrics={"loss": 0.5}),
        house.job(1, "succeeded", 60, version="2"),
    )
    (job,) = house.view.jobs()
    assert [(moment.event.state, moment.event.step) for moment in job.moments] == [
        ("queued", ""),
        ("running", "collect"),
        ("running", "train"),
        ("succeeded", ""),
    ]
    train = job.moments[2]
    assert (train.began_at, train.event.progress, train.event.metrics) == (NOW - 80, 0.6, {"loss": 0.5})
    assert (job.began_at, job.last.version) == (NOW - 100, "2")
    assert house.view.job(job.last.job_id) == job
    assert house.view.job_of("key-1") == job
    assert house.view.jobs(ACTIVE) == []


def test_repeated_words_change_nothing(house: ConsoleHouse) -> None:
    early, late = house.job(1, "running", 90, step="a"), house.job(1, "held", 10, hold="labels")
    first, second = house.rollout("2", "shadow", ago_s=50), house.rollout("2", "canary", 0.05, ago_s=40)
    house.take(early, late, first, second)
    before = (house.view.jobs(), house.view.rollout("2"))
    house.take(early, late, first, second)
    assert (house.view.jobs(), house.view.rollout("2")) == before
    assert house.view.newest_rollout() == second


def test_another_models_events_are_nothing(house: ConsoleHouse) -> None:
    house.take(msgspec.structs.replace(house.job(1, "running"), model="other"))
    assert house.view.jobs() == []


def test_everything_is_bounded_and_the_oldest_goes(house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_JOBS", 5)
    monkeypatch.setattr(views, "MOST_TOLD", 3)
    monkeypatch.setattr(views, "MOST_MOMENTS", 4)
    monkeypatch.setattr(views, "MOST_ORDERS", 2)
    monkeypatch.setattr(views, "MOST_SERVERS", 2)
    for number in range(9, 0, -1):
        for step in range(8):
            house.take(house.job(number, "running", 1000 * number - step, step=f"step {step}"))
        house.take(Approve(event_id=f"id-{number}", occurred_at=NOW, model=MODEL, version=str(number), by="ada", reason="r"))
        house.take(server(f"serving-{number}"))
        house.take(house.rollout(str(number), "shadow"), house.published(str(number)))
    jobs = house.view.jobs()
    assert [job.last.request_key for job in jobs] == [f"key-{number}" for number in range(1, 6)]
    assert [len(job.moments) for job in jobs] == [4, 4, 4, 0, 0]
    assert [moment.event.step for moment in jobs[0].moments] == ["step 0", "step 5", "step 6", "step 7"]
    assert [order.event_id for order in house.view.orders()] == ["id-1", "id-2"]
    assert [one.replica for one in house.view.servers()] == ["serving-1", "serving-2"]
    assert house.view.rollout("9") == ()
    assert house.view.published("9") is None


def test_a_server_that_leaves_is_gone(house: ConsoleHouse) -> None:
    house.take(server("a"), server("b"), server("a", leaving=True))
    assert [one.replica for one in house.view.servers()] == ["b"]


def test_what_was_said_of_a_frame_is_the_newest(house: ConsoleHouse) -> None:
    card = house.frame(photographs(1)[0][0])
    house.take(
        labelled(card, ClassTruth("flower"), "eve", "endpoint", NOW - 1), labelled(card, ClassTruth("china"), "ada", "console", NOW)
    )
    assert house.view.said.of(card.frame_id) == Answered("china", None, "ada", NOW)
    house.take(review(card.frame_id, "right"))
    assert house.view.said.of(card.frame_id) == Answered("china", None, "ada", NOW)
    house.take(review(card.frame_id, "unsure"))
    assert house.view.said.of(card.frame_id) == Answered(None, None, "bob", NOW + 5)
    house.take(labelled(card, BoxesTruth(()), "ada", "console", NOW + 9))
    assert house.view.said.of(card.frame_id) == Answered(None, (), "ada", NOW + 9)


@pytest.mark.parametrize("verdict", ["right", "unsure"])
def test_labels_and_reviews_are_read_in_any_order(house: ConsoleHouse, verdict: str) -> None:
    """They lie on two topics: after a restart either may come first."""
    card = house.frame(photographs(1)[0][0])
    label = labelled(card, ClassTruth("china"), "ada", "console", NOW + (5 if verdict == "right" else 0))
    house.take(review(card.frame_id, verdict), label)
    assert house.view.said.of(card.frame_id) == (
        Answered("china", None, "ada", NOW + 5) if verdict == "right" else Answered(None, None, "bob", NOW + 5)
    )


def test_of_what_was_said_the_oldest_goes_first(house: ConsoleHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "MOST", 2)
    cards = [house.frame(photographs(1)[0][0]) for _ in range(3)]
    house.take(*(labelled(card, ClassTruth("china"), "ada", "console", NOW + n) for n, card in enumerate(cards)))
    assert [house.view.said.of(card.frame_id) is not None for card in cards] == [False, True, True]


def test_the_newest_list_of_frames_counts() -> None:
    view = View(MODEL)
    assert view.wanted() is None
    lists = [LabelsWanted(event_id=str(number), occurred_at=NOW, model=MODEL, request_key=str(number)) for number in range(2)]
    for one in lists:
        view.take(one)
    assert view.wanted() == lists[1]


def server(name: str, leaving: bool = False) -> ServingReported:
    return ServingReported(
        event_id=f"{name} {leaving}",
        occurred_at=NOW,
        model=MODEL,
        replica=name,
        sequence=1,
        versions=(),
        started_at=NOW,
        leaving=leaving,
    )


def review(frame_id: str, verdict: str) -> ReviewLabel:
    return ReviewLabel(event_id=verdict, occurred_at=NOW + 5, model=MODEL, frame_id=frame_id, by="bob", verdict=verdict)  # type: ignore[arg-type]  # one of the three
