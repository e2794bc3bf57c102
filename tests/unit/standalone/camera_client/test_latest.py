"""A live source: newest wins, streams that break are opened again, what waits is bounded. Threads meet at events, not at times."""

import random
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from standalone.camera_client import latest as module
from standalone.camera_client.clock import WallClock
from standalone.camera_client.errors import SourceError
from standalone.camera_client.latest import Exposure, Live, StreamAwayError
from standalone.camera_client.shot import Shot
from tests.unit.standalone.camera_client.parts import NOW, TurnedClock


def shot(number: int, size: int = 1) -> Shot:
    return Shot(f"frame {number}", NOW + number, b"x" * size)


class Stream:
    """Shows `count` frames, then hangs until it is told to break."""

    def __init__(self, count: int, size: int = 1) -> None:
        self.encoded: list[int] = []
        self.shown, self.breaks = threading.Event(), threading.Event()
        self._count, self._size = count, size

    def __call__(self) -> Iterator[Exposure]:
        for number in range(self._count):
            yield partial(self._encode, number)
        self.shown.set()
        assert self.breaks.wait(60)

    def _encode(self, number: int) -> Shot:
        self.encoded.append(number)
        return shot(number, self._size)


def test_only_the_newest_frame_waits_and_only_it_is_encoded() -> None:
    stream, clock = Stream(100), WallClock()
    live = Live(stream, clock, random.Random(1), [].append, once=True)
    assert stream.shown.wait(60)
    taken = live.take()
    assert taken
    assert (taken.name, live.skipped, stream.encoded, live.newer()) == ("frame 99", 99, [99], None)
    stream.breaks.set()
    assert live.take() is None
    live.close()


def test_all_frames_wait_up_to_the_bound_and_then_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_BYTES", 1000)
    stream, clock = Stream(25, size=100), WallClock()
    live = Live(stream, clock, random.Random(1), [].append, newest=False, once=True)
    assert stream.shown.wait(60)
    stream.breaks.set()
    assert live.newer() is None
    assert [taken.name for taken in iter(live.take, None)] == [f"frame {number}" for number in range(15, 25)]
    assert live.skipped == 15
    live.close()


def test_a_stream_that_breaks_is_opened_again_and_said_once() -> None:
    opened: list[int] = []
    said: list[str] = []
    end = threading.Event()

    def watch() -> Iterator[Exposure]:
        opened.append(1)
        if len(opened) < 6:
            raise StreamAwayError("rtsp://gate cannot be opened")
        yield partial(shot, 1)
        assert end.wait(60)

    live = Live(watch, TurnedClock(), random.Random(1), said.append)
    taken = live.take()
    assert taken
    assert (taken.name, len(opened)) == ("frame 1", 6)
    assert said == ["rtsp://gate cannot be opened. Opening it again until it is there", "the stream is back"]
    end.set()
    live.close()


def test_a_stream_that_stays_away_ends_the_run_when_patience_ends() -> None:
    clock = TurnedClock()

    def watch() -> Iterator[Exposure]:
        raise StreamAwayError("no route to the gate")
        yield

    live = Live(watch, clock, random.Random(1), [].append, give_up_after_s=60.0)
    with pytest.raises(SourceError, match=r"no route to the gate\. Gave up after \d+ tries"):
        live.take()
    assert 60 < clock.passed_s < 75
    live.close()


def test_what_nobody_foresaw_ends_the_run_too() -> None:
    def watch() -> Iterator[Exposure]:
        raise ZeroDivisionError("odd")
        yield

    live = Live(watch, WallClock(), random.Random(1), [].append)
    with pytest.raises(SourceError, match="ZeroDivisionError"):
        live.take()
    live.close()


def test_a_camera_that_is_to_stop_waits_for_no_frame() -> None:
    stream, clock = Stream(0), WallClock()
    live = Live(stream, clock, random.Random(1), [].append)
    clock.stop()
    assert live.take() is None
    stream.breaks.set()
    live.close()
