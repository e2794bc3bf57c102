"""Partitions are merged by event time, however their records arrive."""

import random
from pathlib import Path

import msgspec
import pytest

from contracts import events
from contracts.events import FrameScored
from contracts.ports import Place, Record
from monitor.timeline import AHEAD_S, Timeline, time_of
from tests.monitor_line import Line, usual

A, B = Place("keepsight.frames", 0), Place("keepsight.frames", 1)
BOTH = frozenset({A, B})


@pytest.fixture
def stream(tmp_path: Path) -> list[tuple[Record, FrameScored]]:
    line = Line(tmp_path)
    places = {"cam-1": A, "cam-2": B}
    told = []
    for offset, frame in enumerate(line.pass_by(tuple(places), 30, usual())):
        record = Record(places[frame.camera], offset, "", events.encode(frame, "t").value, {}, int(frame.received_at * 1000))
        told.append((record, frame))
    return told


def drain(timeline: Timeline, now: float, undelivered: dict[Place, int], places: frozenset[Place] = BOTH) -> list[int]:
    return [waiting.record.offset for waiting in timeline.due(now, undelivered, places)]


def test_any_interleaving_comes_out_in_event_time(stream: list[tuple[Record, FrameScored]]) -> None:
    for seed in range(5):
        timeline, left = Timeline(1.0), {A: [s for s in stream if s[0].place == A], B: [s for s in stream if s[0].place == B]}
        chance, out = random.Random(seed), []
        while any(left.values()):
            place = chance.choice([p for p in left if left[p]])
            for record, frame in [left[place].pop(0) for _ in range(min(len(left[place]), chance.randint(1, 9)))]:
                timeline.add(record, frame)
            out += drain(timeline, 9e9, {p: len(rest) for p, rest in left.items()})
        assert out == [record.offset for record, _ in stream]
        assert len(timeline) == 0


def test_a_place_that_has_more_to_deliver_is_waited_for(stream: list[tuple[Record, FrameScored]]) -> None:
    timeline = Timeline(1.0)
    timeline.add(*stream[0])
    assert drain(timeline, 9e9, {B: 3}) == []
    assert drain(timeline, 9e9, {B: 0}) == [0]


def test_a_fresh_record_waits_for_slower_writers(stream: list[tuple[Record, FrameScored]]) -> None:
    timeline, (record, frame) = Timeline(1.0), stream[0]
    timeline.add(record, frame)
    written = record.time_ms / 1000
    assert drain(timeline, written + 0.9, {}) == []
    assert drain(timeline, written + 1.1, {}) == [0]


def test_a_record_of_a_log_s_clock_that_was_set_back_holds_nothing_up(stream: list[tuple[Record, FrameScored]]) -> None:
    timeline, (record, frame) = Timeline(1.0), stream[0]
    timeline.add(record, frame)
    written = record.time_ms / 1000
    assert drain(timeline, written - AHEAD_S, {}) == []
    assert drain(timeline, written - 3600, {}) == [0]


def test_frames_of_before_the_log_s_clock_was_set_back_hold_those_after_it_up_no_hour(
    stream: list[tuple[Record, FrameScored]],
) -> None:
    timeline, now = Timeline(1.0), stream[10][0].time_ms / 1000
    for number, (record, frame) in enumerate(stream[:20]):
        ahead = 3600 if number < 4 else 0
        record = msgspec.structs.replace(record, time_ms=record.time_ms + 1000 * ahead)
        timeline.add(record, msgspec.structs.replace(frame, received_at=frame.received_at + ahead))
    out = drain(timeline, now, {})
    assert {0, 1, 2, 3, 4, 5} <= set(out)
    for place in BOTH:
        of_place = [offset for offset in out if stream[offset][0].place == place]
        assert of_place == sorted(of_place)


def test_what_is_not_taken_stays(stream: list[tuple[Record, FrameScored]]) -> None:
    timeline = Timeline(0.0)
    timeline.add(*stream[0])
    for _ in timeline.due(9e9, {}, BOTH):
        break  # the repository went away while this one was judged
    assert drain(timeline, 9e9, {}) == [0]


def test_lines_of_lost_places_are_forgotten(stream: list[tuple[Record, FrameScored]]) -> None:
    timeline = Timeline(0.0)
    timeline.add(*stream[0])
    timeline.add(*stream[1])
    timeline.keep(frozenset({B}))
    assert drain(timeline, 9e9, {}, frozenset({B})) == [1]


def test_a_clock_in_the_future_is_held_to_the_log_s(stream: list[tuple[Record, FrameScored]]) -> None:
    record, frame = stream[0]
    wrong = Record(record.place, 0, "", b"", {}, record.time_ms - 3_600_000)
    assert time_of(frame, wrong) == wrong.time_ms / 1000 + AHEAD_S
    assert time_of(frame, record) == frame.received_at


def test_a_place_given_back_is_read_anew(stream: list[tuple[Record, FrameScored]]) -> None:
    timeline = Timeline(0.0)
    for record, frame in stream[:6]:
        timeline.add(record, frame)
    timeline.forget(A)
    timeline.forget(A)  # it has nothing left to forget
    assert len(timeline) == 3
    for record, frame in stream[:6:2]:
        timeline.add(record, frame)
    assert drain(timeline, 9e9, {}) == [record.offset for record, _ in stream[:6]]
