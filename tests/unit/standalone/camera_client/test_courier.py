"""The courier's patience, on a clock that tests turn."""

import random

import pytest

from standalone.camera_client.connection import Reply
from standalone.camera_client.courier import Courier, Delivery, Post
from standalone.camera_client.errors import GaveUpError, TurnedAwayError
from tests.unit.standalone.camera_client.parts import AWAY, BUSY, OK, Scripted, TurnedClock, courier, problem

POST = Post("/v1/frames?camera=line-1", b"frame", "image/jpeg")


def delivered(connection: Scripted, clock: TurnedClock, said: list[str] | None = None) -> Delivery:
    delivery = courier(connection, clock, said).deliver(lambda: POST)
    assert delivery
    return delivery


def test_an_answer_at_once_waits_for_nothing() -> None:
    clock = TurnedClock()
    delivery = delivered(Scripted(clock, took_s=0.02), clock)
    assert (delivery.answered, delivery.tries, clock.waits) == (True, 1, [])
    assert delivery.took_s == pytest.approx(0.02)


def test_a_busy_server_is_asked_again_not_before_retry_after() -> None:
    clock = TurnedClock()
    connection = Scripted(clock, [BUSY] * 5)
    carrier = courier(connection, clock)
    delivery = carrier.deliver(lambda: POST)
    assert delivery
    assert (delivery.answered, delivery.tries, carrier.troubles.busy) == (True, 6, 5)
    assert len(clock.waits) == 5
    assert all(2 <= waited <= 2 + 0.25 * 2**number for number, waited in enumerate(clock.waits))
    assert [body for _, body, _ in connection.posts] == [b"frame"] * 6


def test_a_person_is_told_once_that_the_server_is_away_and_once_that_it_is_back() -> None:
    clock, said = TurnedClock(), list[str]()
    delivered(Scripted(clock, [AWAY] * 8), clock, said)
    assert len(said) == 2
    assert "it is away. Trying on" in said[0]
    assert "answers again, after" in said[1]
    assert "8 tries" in said[1]
    said.clear()
    delivered(Scripted(clock, [AWAY] * 2), clock, said)
    assert said == []


def test_waits_grow_over_the_whole_outage_and_begin_anew_after_it() -> None:
    clock = TurnedClock()
    carrier = courier(Scripted(clock, [AWAY, AWAY, OK, AWAY]), clock)
    for _ in range(2):
        assert carrier.deliver(lambda: POST)
    assert max(clock.waits[0], clock.waits[2]) <= 0.25
    assert clock.waits[1] <= 0.5


def test_after_too_long_it_gives_up_and_says_why() -> None:
    clock = TurnedClock()
    with pytest.raises(GaveUpError, match=r"it is away\. Gave up after \d+ tries in \d+ s"):
        courier(Scripted(clock, [AWAY] * 1000), clock, give_up_after_s=60).deliver(lambda: POST)
    assert 40 < clock.passed_s <= 60


def test_it_never_waits_beyond_its_patience_for_a_retry_after() -> None:
    clock = TurnedClock()
    with pytest.raises(GaveUpError):
        courier(Scripted(clock, [Reply(503, b"", "86400")]), clock, give_up_after_s=60).deliver(lambda: POST)
    assert clock.waits == []


def test_a_refused_frame_comes_back_with_its_reason() -> None:
    clock = TurnedClock()
    delivery = delivered(Scripted(clock, [problem(422, "truncated", "ends early")]), clock)
    assert (delivery.answered, delivery.problem, delivery.detail, clock.waits) == (False, "truncated", "ends early", [])


def test_a_frame_on_which_the_server_fails_three_times_is_left_aside() -> None:
    clock = TurnedClock()
    delivery = delivered(Scripted(clock, [problem(500, "inference-failed")] * 3), clock)
    assert (delivery.answered, delivery.problem, delivery.tries) == (False, "inference-failed", 3)


def test_outages_do_not_count_against_a_frame() -> None:
    clock = TurnedClock()
    failing = problem(500, "inference-failed")
    assert delivered(Scripted(clock, [failing, AWAY, AWAY, BUSY, failing, AWAY]), clock).answered


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (problem(404, "unknown-camera", "did you mean line-2"), "404 unknown-camera: did you mean line-2"),
        (Reply(401, b""), "--key-file"),
        (Reply(302, b""), "--server"),
        (Reply(404, b"<h1>nginx"), "Is that Keepsight's serving"),
    ],
)
def test_a_camera_that_will_never_pass_is_told_what_to_do(reply: Reply, words: str) -> None:
    clock = TurnedClock()
    with pytest.raises(TurnedAwayError, match=words):
        delivered(Scripted(clock, [reply]), clock)
    assert clock.waits == []


def test_a_key_that_was_changed_in_its_file_is_tried_before_giving_in() -> None:
    keys = ["old", "new", "new"]
    clock = TurnedClock()
    connection = Scripted(clock, [Reply(401, b"")])
    carrier = Courier(connection, clock, random.Random(1), 60.0, [].append, lambda: keys.pop(0))
    assert carrier.deliver(lambda: POST)
    assert [headers["Authorization"] for _, _, headers in connection.posts] == ["Bearer old", "Bearer new"]
    connection = Scripted(clock, [Reply(401, b"")])
    with pytest.raises(TurnedAwayError):
        Courier(connection, clock, random.Random(1), 60.0, [].append, lambda: "same").deliver(lambda: POST)


def test_it_stops_in_the_middle_of_a_wait() -> None:
    clock = TurnedClock()
    clock.meanwhile = lambda: setattr(clock, "stopping", True)
    connection = Scripted(clock, [AWAY] * 9)
    assert courier(connection, clock).deliver(lambda: POST) is None
    assert len(connection.posts) == 1
