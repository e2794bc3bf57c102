"""A detector's newest labelled frames: a bounded window whose interval holds the value."""

import msgspec

from contracts.predictions import Box
from contracts.quality_detection import match
from monitor.quality import detections
from monitor.quality.detections import Window


def test_the_window_is_bounded_and_its_interval_holds_the_value() -> None:
    window = Window()
    assert window.map50 is None
    box, elsewhere = Box("bolt", 0, 0, 10, 10), Box("bolt", 50, 50, 60, 60, 0.4)
    for number in range(detections.FRAMES + 30):
        window.add(match([box], [msgspec.structs.replace(box, score=0.9) if number % 3 else elsewhere]))
    assert len(window.frames) == detections.FRAMES
    assert window.map50 is not None
    assert window.map50.low < window.map50.value < window.map50.high
    assert window.map50.n == detections.FRAMES
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(window), type=Window) == window
