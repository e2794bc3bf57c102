"""Which labelled frames can be used, and what is said of the others."""

from functools import partial
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.files import sha256
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.predictions import BoxesTruth
from retrain.data.frames import Excluded, Frame, Frames, labelled, usable
from retrain.request import LabelledFrame


def picture(seed: int) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8))[1].tobytes()


def frame(name: str, content: bytes, label: str = "a") -> Frame:
    return Frame(name, lambda: content, sha256(content), label, "g", "c")


def test_only_clean_frames_are_used_and_each_other_has_its_reason() -> None:
    excluded = Excluded()
    torn = picture(5)
    kept = usable(
        [
            frame("good", picture(1)),
            frame("again", picture(1)),
            frame("strange", picture(2), "zebra"),
            frame("broken", b"no picture"),
            frame("two-1", torn, "a"),
            frame("two-2", torn, "b"),
            frame("other", picture(3), "b"),
        ],
        ("a", "b"),
        excluded,
    )
    assert [one.name for one in kept] == ["good", "other"]
    assert excluded.reasons == {
        "the same picture again": ["again"],
        "labelled 'zebra', which is none of the model's classes": ["strange"],
        "not a picture that decodes": ["broken"],
        "labelled in two ways": ["two-1", "two-2"],
    }
    assert str(excluded).startswith("5 excluded: 2 labelled in two ways (two-1, two-2); 1 the same picture again (again); ")
    assert str(Excluded()) == "none excluded"


def test_what_is_told_of_excluded_frames_is_bounded() -> None:
    excluded = Excluded()
    for number in range(40):
        for _ in range(number + 1):
            excluded.add(f"labelled '{number}'", f"f{number}")
    told = str(excluded)
    assert told.startswith("820 excluded: 40 labelled '39' (f39, f39, f39, …); 39 labelled '38'")
    assert told.endswith("; and 28 other reasons")


def test_requested_frames_come_from_the_store_in_order_of_time(tmp_path: Path) -> None:
    store = FrameStore(str(tmp_path))
    asked = []
    for number in (3, 1, 2):
        captured = 1.7e9 + number
        frame_id = new_id(captured)
        path = frame_path("m", frame_id, "png")
        card = StoredFrame(
            frame_id=frame_id, model="m", camera="c", site="s", captured_at=captured, codec="png", sample="uniform", predictions=(), path=path
        )  # fmt: skip
        if number != 2:
            store.put(card, picture(number))
        asked.append(LabelledFrame(frame_id=frame_id, camera="c", site="s", captured_at=captured, path=path, label="a"))
    boxed = msgspec.structs.replace(asked[0], frame_id="boxed", label="", truth=BoxesTruth(()))
    excluded = Excluded()
    found = labelled([*asked, boxed], store, 2.0, excluded)
    assert [one.captured_at - 1.7e9 for one in found] == [1.0, 3.0]
    assert [one.recording for one in found] == ["s/c/1700000000", "s/c/1700000002"]
    assert [one.read() for one in found] == [picture(1), picture(3)]
    assert excluded.reasons == {
        "no longer in the frame store": [asked[2].frame_id],
        "labelled with boxes, and the model names classes": ["boxed"],
    }


def test_frames_are_read_when_they_are_asked_for_and_no_others() -> None:
    read: list[int] = []

    def reader(number: int) -> bytes:
        read.append(number)
        return bytes([number])

    frames = Frames([partial(reader, number) for number in range(5)])
    assert len(frames) == 5
    assert read == []
    assert frames[3] == b"\x03"
    assert frames[1:3] == [b"\x01", b"\x02"]
    assert read == [3, 1, 2]
    assert list(frames.rows([4, 0])) == [b"\x04", b"\x00"]


def test_a_frame_that_retention_takes_meanwhile_is_named(tmp_path: Path) -> None:
    store = FrameStore(str(tmp_path))
    frame_id = new_id(1.7e9)
    path = frame_path("m", frame_id, "png")
    card = StoredFrame(
        frame_id=frame_id, model="m", camera="c", site="s", captured_at=1.7e9, codec="png", sample="uniform", predictions=(), path=path
    )  # fmt: skip
    store.put(card, picture(1))
    asked = LabelledFrame(frame_id=frame_id, camera="c", site="s", captured_at=1.7e9, path=path, label="a")
    (found,) = labelled([asked], store, 60.0, Excluded())
    (tmp_path / path).unlink()
    with pytest.raises(StoreError, match="was removed while it was being used: the next attempt goes on without it"):
        found.read()
