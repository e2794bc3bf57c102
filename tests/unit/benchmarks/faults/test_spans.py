"""What belongs to a fault, and what does not."""

import math

import msgspec
import pytest

from benchmarks.faults.book import LOST, NOT_TAKEN, Attempt, Book, Heard, Posted, Sent, heard_from, lost
from benchmarks.faults.spans import Span, cause_of, lost_without_cause, percentile, quiet, seen
from contracts.incidents import Incident

SKEW = Span("clocks", 100.0, 120.0, 125.0, blamed=frozenset({"a", "b"}))
KILL = Span("kill", 200.0, 205.0, 210.0, cuts=True)
FAULT = Incident(
    incident_id="i",
    cause="camera_fault",
    severity="ticket",
    headline="h",
    action="a",
    site="s",
    cameras=("a",),
    version="1",
    since=110.0,
    opened_at=112.0,
)


def photograph(due_at: float, *statuses: int, took_s: float = 0.01) -> Sent:
    attempts = [Attempt("serving-1", 1, due_at, took_s, status) for status in statuses]
    return Sent("a", "photograph", due_at, "f", attempts, Heard("f", "a", "1", "x") if 200 in statuses else None)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, "clocks"),
        ({"cameras": ("a", "b")}, "clocks"),
        ({"cameras": ("a", "c")}, ""),
        ({"cause": "environment_change"}, ""),
        ({"opened_at": 154.0, "since": 154.0}, "clocks"),
        ({"opened_at": 156.0, "since": 156.0}, ""),
        ({"opened_at": 3710.0}, "clocks"),
        ({"opened_at": 90.0, "since": 90.0}, ""),
        ({"opened_at": 205.0, "since": 205.0}, ""),
    ],
)
def test_an_incident_belongs_to_the_fault_that_makes_its_cameras_look_so(changed: dict[str, object], fault: str) -> None:
    assert cause_of(msgspec.structs.replace(FAULT, **changed), [SKEW, KILL]) == fault


def test_only_what_cuts_connections_explains_a_try_that_was_cut() -> None:
    frames = [photograph(at, LOST, 200) for at in (110.0, 199.5, 207.0, 300.0)]
    assert lost_without_cause(frames, [SKEW, KILL]) == 2
    assert len(lost(frames)) == 4


def test_a_frame_s_fate() -> None:
    assert photograph(1.0, LOST, 200).fate == "accepted"
    assert photograph(1.0, LOST, 429).fate == "unknown"
    assert photograph(1.0, 429, NOT_TAKEN).fate == "refused"


def test_what_cameras_saw_of_a_span() -> None:
    frames = [photograph(100.0 + n, 200, took_s=(n + 1) / 1000) for n in range(10)] + [
        photograph(105.0, LOST),
        photograph(111.0, 200),
    ]
    found = seen(frames, 100.0, 110.0)
    assert (found.answered, found.refused, found.unanswered, found.retried) == (10, 0, 1, 0)
    assert (found.p50_ms, found.p99_ms) == (pytest.approx(5.0), pytest.approx(10.0))


def test_percentiles_by_nearest_rank() -> None:
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0
    assert percentile([1.0, 2.0, 3.0], 99) == 3.0
    assert math.isnan(percentile([], 50))


def test_quiet_is_what_no_fault_covers() -> None:
    frames = [photograph(at, 200) for at in (50.0, 110.0, 150.0, 208.0)]
    assert [sent.due_at for sent in quiet(frames, [SKEW, KILL])] == [50.0, 150.0]


def test_what_was_heard_is_of_one_life() -> None:
    book = Book()
    book.frames = [photograph(1.0, 200), Sent("a", "noise", 2.0, "", [Attempt("serving-1", 2, 2.0, 0.1, 415, "not-an-image")])]
    book.labels = [
        Posted("f", "x", Attempt("serving-1", 2, 3.0, 0.1, status, problem))
        for status, problem in ((200, ""), (404, "unknown-frame"))
    ]
    assert heard_from(book, "serving-1", 2) == {"not-an-image": 1, "unknown-frame": 1}
