"""Rates: a burst at once, then as many as the rate allows, and never more."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.problems import ProblemError
from serving.settings import Camera
from serving.transport.rate import Rates

CAMERAS = {"a": Camera(site="hall"), "b": Camera(site="hall", rate=2.0, burst=1), "free": Camera(site="hall", rate=0)}


def _passes(rates: Rates, camera: str, now: float) -> bool:
    with contextlib.suppress(ProblemError):
        rates.take(camera, now)
        return True
    return False


def test_a_burst_passes_and_the_next_waits_for_its_turn() -> None:
    rates = Rates(CAMERAS, rate=10.0, burst=3)
    assert [_passes(rates, "a", 100.0) for _ in range(5)] == [True, True, True, False, False]
    assert _passes(rates, "a", 100.1)
    assert not _passes(rates, "a", 100.15)
    assert [_passes(rates, "a", 200.0) for _ in range(4)] == [True, True, True, False]  # full again, and not fuller


def test_cameras_have_their_own_buckets_and_limits() -> None:
    rates = Rates(CAMERAS, rate=10.0, burst=1)
    assert _passes(rates, "a", 0.0)
    assert _passes(rates, "b", 0.0)
    assert not _passes(rates, "b", 0.4)
    assert _passes(rates, "b", 0.5)
    assert all(_passes(rates, "free", 0.0) for _ in range(1000))
    assert all(_passes(Rates(CAMERAS), "a", 0.0) for _ in range(1000))


def test_a_slow_camera_is_told_how_long_to_wait() -> None:
    rates = Rates({"a": Camera(site="hall")}, rate=0.1, burst=1)
    rates.take("a", 0.0)
    with pytest.raises(ProblemError) as refused:
        rates.take("a", 2.5)
    assert (refused.value.kind, refused.value.retry_after_s) == ("rate-limited", 8)
    rates.take("a", 10.0)


@given(st.lists(st.floats(0, 2), max_size=80), st.floats(0.5, 50), st.integers(1, 10))
def test_no_pattern_of_sending_gets_more_than_the_rate_and_one_burst(gaps: list[float], rate: float, burst: int) -> None:
    rates, now, passed = Rates({"a": Camera(site="hall")}, rate, burst), 0.0, []
    for gap in gaps:
        now += gap
        if _passes(rates, "a", now):
            passed.append(now)
    for first, start in enumerate(passed):
        for count, end in enumerate(passed[first:], 1):
            assert count <= burst + rate * (end - start) + 1e-6
