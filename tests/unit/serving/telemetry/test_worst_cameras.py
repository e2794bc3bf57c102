"""The worst cameras: who is named, at what rate, and that a fleet of any size makes no more series."""

from prometheus_client import CollectorRegistry, generate_latest

from serving.telemetry.instruments import Instruments
from serving.telemetry.worst_cameras import WORST, WorstCameras


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_worst_of_each_outcome_are_named_with_their_rate_and_problem() -> None:
    clock = _Clock()
    worst = WorstCameras(clock)
    for number in range(30):
        for _ in range(number):
            worst.add(f"camera-{number:02}", "rejected", "truncated")
    worst.add("gate", "overloaded", "rate-limited")
    clock.now += 100
    found = worst.worst()
    assert found[0] == ("overloaded", "gate", "rate-limited", 0.01)
    assert [camera for outcome, camera, _, _ in found if outcome == "rejected"] == [f"camera-{n:02}" for n in range(29, 9, -1)]
    assert found[1] == ("rejected", "camera-29", "truncated", 0.29)


def test_a_camera_that_was_mended_is_forgotten_within_ten_minutes() -> None:
    clock = _Clock()
    worst = WorstCameras(clock)
    worst.add("gate", "rejected", "truncated")
    clock.now += 300
    assert worst.worst() == [("rejected", "gate", "truncated", 1 / 300)]
    worst.add("line-1", "rejected", "truncated")
    clock.now += 300
    assert worst.worst() == [("rejected", "line-1", "truncated", 1 / 300)]
    clock.now += 600
    assert worst.worst() == []


def test_a_first_broken_frame_is_not_one_a_second() -> None:
    worst = WorstCameras(_Clock())
    worst.add("gate", "rejected", "truncated")
    assert worst.worst() == [("rejected", "gate", "truncated", 1 / 60)]


def test_the_exposition_does_not_grow_with_the_fleet() -> None:
    def lines(cameras: int) -> int:
        instruments = Instruments(CollectorRegistry())
        for number in range(cameras):
            for outcome, problem in (("rejected", "truncated"), ("rejected", "not-decodable"), ("overloaded", "overloaded")):
                instruments.worst_cameras.add(f"camera-{number:05}", outcome, problem)
        return generate_latest(instruments.registry).count(b"\n")

    assert lines(10_000) == lines(WORST)
