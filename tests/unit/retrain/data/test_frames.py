"""Which labelled frames can be used, and what is said of the others."""

from pathlib import Path

import cv2
import msgspec
import numpy as np

from contracts.files import sha256
from contracts.frame_store import FrameStore, StoredFrame, frame_path
from contracts.ids import new_id
from contracts.predictions import BoxesTruth
from retrain.data.frames import Excluded, Frame, labelled, usable
from retrain.request import LabelledFrame


def picture(seed: int) -> bytes:
    return cv2.imencode(".png", np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8))[1].tobytes()


def frame(name: str, content: bytes, label: str = "a") -> Frame:
    return Frame(name, content, sha256(content), label, "g", "c")


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
    assert "5 excluded: 1 the same picture again (again); " in str(excluded)
    assert str(Excluded()) == "none excluded"


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
    found = labelled([*asked, boxed], store, excluded)
    assert [one.captured_at - 1.7e9 for one in found] == [1.0, 3.0]
    assert found[0].group == found[1].group
    assert excluded.reasons == {
        "no longer in the frame store": [asked[2].frame_id],
        "labelled with boxes, and the model names classes": ["boxed"],
    }
