"""What each answer means, and how long is waited."""

import random
from email.utils import formatdate

import pytest

from serving.problems import KINDS
from standalone.camera_client.retry import BASE_S, CAP_S, Verdict, problem_of, retry_after_s, verdict, wait_s
from tests.unit.standalone.camera_client.parts import NOW


@pytest.mark.parametrize(
    ("status", "problem", "meaning"),
    [
        (200, "", Verdict.ANSWERED),
        (429, "overloaded", Verdict.AGAIN),
        (503, "not-ready", Verdict.AGAIN),
        (502, "", Verdict.AGAIN),
        (500, "inference-failed", Verdict.AGAIN),
        (408, "body-timeout", Verdict.AGAIN),
        (422, "truncated", Verdict.REFUSED),
        (415, "not-an-image", Verdict.REFUSED),
        (413, "", Verdict.REFUSED),
        (400, "empty", Verdict.REFUSED),
        (400, "bad-captured-at", Verdict.REFUSED),
        (404, "unknown-camera", Verdict.TURNED_AWAY),
        (400, "bad-deadline", Verdict.TURNED_AWAY),
        (401, "", Verdict.TURNED_AWAY),
        (302, "", Verdict.TURNED_AWAY),
        (501, "", Verdict.TURNED_AWAY),
    ],
)
def test_a_verdict_of_each_kind(status: int, problem: str, meaning: Verdict) -> None:
    assert verdict(status, problem) is meaning


def test_no_frame_fault_of_serving_stops_a_camera_and_no_server_fault_drops_a_frame() -> None:
    for kind, (status, _) in KINDS.items():
        if status in (413, 415, 422):
            assert verdict(status, kind) is Verdict.REFUSED, kind
        if (status == 429 and kind != "superseded") or status >= 500:
            assert verdict(status, kind) is Verdict.AGAIN, kind


def test_waits_grow_with_full_jitter_up_to_the_cap() -> None:
    rng = random.Random(1)
    for failures in (1, 2, 3, 6, 7, 60, 100_000):
        waits = [wait_s(failures, 0.0, rng) for _ in range(2000)]
        limit = min(CAP_S, BASE_S * 2.0 ** min(failures - 1, 30))
        assert 0 <= min(waits) < 0.01 * limit < 0.99 * limit < max(waits) <= limit
        assert sum(waits) / len(waits) == pytest.approx(limit / 2, rel=0.05)


def test_nobody_comes_back_before_retry_after() -> None:
    rng = random.Random(1)
    assert all(7 <= wait_s(failures, 7.0, rng) <= 17 for failures in range(1, 200))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0), (" 120 ", 120.0), ("", 0.0), ("soon", 0.0), ("-5", 0.0), ("1.5", 0.0), ("9" * 400, 999_999.0), ("²", 0.0),
        (formatdate(NOW + 30, usegmt=True), 30.0), (formatdate(NOW - 30, usegmt=True), 0.0), ("Wed, 99 Foo 2026 00:00:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(header: str, seconds: float) -> None:
    assert retry_after_s(header, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"type": "urn:keepsight:problem:truncated", "detail": "too short"}', ("truncated", "too short")),
        (b'{"type": "about:blank", "detail": "no"}', ("", "no")),
        (b"<html>\n  Bad   gateway", ("", "<html> Bad gateway")),
        (b"[]", ("", "[]")),
        (b"\xff\xfe", ("", "��")),
        (b"", ("", "")),
    ],
)
def test_a_problem_is_told_from_what_proxies_say(body: bytes, said: tuple[str, str]) -> None:
    assert problem_of(body) == said
