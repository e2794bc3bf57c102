"""The photographs of a report: the newest of each side of the beginning, small, and nothing that is gone or damaged stops the rest."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.incidents import Incident
from monitor.identity import derived_id
from monitor.report.photographs import MOST, SIDE, Photographs, photographs
from tests.unit.monitor.test_report_page import incident

SINCE = 1_750_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> FrameStore:
    return FrameStore(str(tmp_path))


def stored(store: FrameStore, at: float, content: bytes | None = None, suffix: str = ".jpg") -> str:
    """Put a frame into the store; where it lies."""
    if content is None:
        picture = np.full((480, 640, 3), (0, 0, 200), np.uint8)  # red, in OpenCV's order
        content = cv2.imencode(suffix, picture)[1].tobytes()
    frame_id = derived_id(at, "frame")
    codec = {".jpg": "jpeg", ".png": "png"}[suffix]
    path = frame_path("m", frame_id, codec)
    card = StoredFrame(
        frame_id=frame_id, model="m", camera="cam-1", site="hall", captured_at=at, codec=codec, sample="uniform", predictions=(), path=path
    )  # fmt: skip
    store.put(card, content)
    return path


def about(examples: list[str], reference: list[str]) -> Incident:
    return msgspec.structs.replace(incident("x"), since=SINCE, examples=tuple(examples), reference_examples=tuple(reference))


def test_the_newest_of_each_side_oldest_first_and_small(store: FrameStore) -> None:
    before = [stored(store, SINCE - 100 + n, suffix=".png") for n in range(3)]
    since = [stored(store, SINCE + n) for n in range(MOST + 4)]
    shown, notes = photographs(store, "m", about([*reversed(since)], before))
    assert [one.taken_at - SINCE for one in shown.since] == [4, 5, 6, 7, 8, 9]
    assert [one.taken_at - SINCE for one in shown.before] == [-100, -99, -98]
    assert notes == []
    for one in (shown.since[0], shown.before[0]):
        picture = cv2.imdecode(np.frombuffer(one.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (SIDE * 480 // 640, SIDE, 3)
        assert picture.mean(axis=(0, 1)) == pytest.approx([0, 0, 200], abs=3)
        assert one.camera == "cam-1"


def test_a_small_frame_is_not_made_larger(store: FrameStore) -> None:
    path = stored(store, SINCE, cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes(), suffix=".png")
    shown, _ = photographs(store, "m", about([path], []))
    picture = cv2.imdecode(np.frombuffer(shown.since[0].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (40, 60, 3)


def test_a_frame_of_the_other_side_of_the_beginning_is_not_shown(store: FrameStore) -> None:
    early, late = stored(store, SINCE - 1), stored(store, SINCE + 1)
    assert photographs(store, "m", about([early], [late])) == (Photographs(), [])


def test_what_is_gone_damaged_or_outside_is_told_and_the_rest_is_shown(store: FrameStore, tmp_path: Path) -> None:
    gone = stored(store, SINCE + 1)
    (tmp_path / gone).unlink()
    never = frame_path("m", derived_id(SINCE + 2, "never"), "jpeg")
    damaged = stored(store, SINCE + 3, b"\xff\xd8 spam")
    good = stored(store, SINCE + 4)
    shown, notes = photographs(store, "m", about([gone, never, damaged, good, "../../etc/passwd"], []))
    assert [one.taken_at - SINCE for one in shown.since] == [4]
    assert notes[0] == "3 of the example photographs are not in the frame store any more"
    assert notes[1].startswith("1 of the example photographs cannot be read: ")
