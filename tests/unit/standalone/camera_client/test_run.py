"""Order, pace, counts and newest-wins of a run."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from contracts.ids import is_id
from standalone.camera_client.connection import Reply
from standalone.camera_client.courier import Delivery
from standalone.camera_client.run import Pace, Run, line_of
from standalone.camera_client.shot import Shot
from tests.unit.standalone.camera_client.parts import AWAY, BUSY, NOW, Scripted, Shots, TurnedClock, courier, problem


def run_of(source: Shots, connection: Scripted, clock: TurnedClock, pace: Pace = Pace()) -> Run:
    return Run("line-1", source, courier(connection, clock), pace, clock, lambda *_: None)


def frame_id_of(connection: Scripted, number: int) -> str:
    """The id under which a post sent its frame."""
    (frame_id,) = parse_qs(urlsplit(connection.posts[number][0]).query)["frame_id"]
    assert is_id(frame_id)
    return frame_id


def test_every_frame_is_sent_in_order_however_often_the_server_says_later() -> None:
    clock, source = TurnedClock(), Shots(4)
    connection = Scripted(clock, [BUSY, AWAY, Reply(200, b""), BUSY, BUSY])
    run = run_of(source, connection, clock)
    run.go()
    assert [body for _, body, _ in connection.posts] == [b"1", b"1", b"1", b"2", b"2", b"2", b"3", b"4"]
    assert source.fates == [(f"frame {number}", "answered") for number in (1, 2, 3, 4)]
    assert (run.finished, run.tally.answered, run.facts()["busy"], run.facts()["unreachable"]) == (True, 4, 3, 1)


def test_a_frame_says_its_camera_time_and_deadline() -> None:
    clock = TurnedClock()
    connection = Scripted(clock)
    run_of(Shots(1), connection, clock, Pace(deadline_ms=250)).go()
    path, _, headers = connection.posts[0]
    assert urlsplit(path).path == "/v1/frames"
    said = parse_qs(urlsplit(path).query)
    assert said.pop("frame_id") == [frame_id_of(connection, 0)]
    assert said == {"camera": ["line-1"], "captured_at": [f"{NOW + 1:.6f}"], "deadline_ms": ["250"]}
    assert headers["Content-Type"] == "image/jpeg"


def test_a_newer_frame_takes_the_place_of_one_that_waits() -> None:
    clock, source = TurnedClock(), Shots(1, newer=[7, None, 9])
    connection = Scripted(clock, [AWAY] * 3)
    run_of(source, connection, clock).go()
    assert [body for _, body, _ in connection.posts] == [b"1", b"7", b"7", b"9"]
    ids = [frame_id_of(connection, number) for number in range(4)]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3
    assert source.fates == [("frame 1", "skipped"), ("frame 7", "skipped"), ("frame 9", "answered")]


def test_a_refused_frame_is_over_and_the_next_goes_on() -> None:
    clock, source = TurnedClock(), Shots(3)
    run = run_of(source, Scripted(clock, [problem(422, "truncated")]), clock)
    run.go()
    assert [fate for _, fate in source.fates] == ["refused", "answered", "answered"]
    assert run.facts()["refused"] == {"truncated": 1}


def test_frames_go_out_at_the_rate_and_a_late_one_is_not_made_up_for() -> None:
    clock = TurnedClock()
    sent: list[float] = []

    class Timed(Scripted):
        def post(self, path: str, body: bytes, headers: object) -> Reply:
            sent.append(clock.passed_s)
            clock.passed_s += 2.5 if body == b"3" else 0.0
            return Reply(200, b"")

    run_of(Shots(6), Timed(clock), clock, Pace(rate_hz=1.0)).go()
    assert sent == pytest.approx([0.0, 1.0, 2.0, 4.5, 5.5, 6.5])


def test_it_ends_after_the_count() -> None:
    clock, source = TurnedClock(), Shots(10)
    run = run_of(source, Scripted(clock, [problem(422, "truncated")]), clock, Pace(count=3))
    run.go()
    assert (run.finished, run.settled, run.total, len(source.fates)) == (True, 3, 3, 3)


def test_a_frame_that_was_not_answered_when_it_stops_is_not_settled() -> None:
    clock, source = TurnedClock(), Shots(5)
    clock.meanwhile = lambda: setattr(clock, "stopping", True)
    run = run_of(source, Scripted(clock, [Reply(200, b""), AWAY]), clock)
    run.go()
    assert source.fates == [("frame 1", "answered")]
    assert not run.finished


@pytest.mark.parametrize(
    ("delivery", "key", "said"),
    [
        (Delivery(Reply(200, b'{"version": "3"}'), True, 0.0125, 2), "answer", {"version": "3"}),
        (Delivery(Reply(422, b'{"type": "x"}'), False, 0.0125, 2), "problem", {"type": "x"}),
        (Delivery(Reply(413, b"<html>"), False, 0.0125, 2), "problem", "<html>"),
    ],
)
def test_each_frame_is_a_line_of_json(delivery: Delivery, key: str, said: object) -> None:
    line = line_of(Shot("a.jpg", NOW, b""), delivery)
    assert "\n" not in line
    assert json.loads(line) == {
        "frame": "a.jpg", "captured_at": NOW, "status": delivery.reply.status, "latency_ms": 12.5, "tries": 2, key: said,
    }  # fmt: skip
