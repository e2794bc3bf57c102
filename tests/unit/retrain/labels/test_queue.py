"""A list of frames to label as an event, and when two lists say the same."""

import msgspec
import numpy as np

from contracts.events import LabelsWanted, WantedFrame
from retrain.labels.queue import gist, wanted
from retrain.labels.selection import Candidate, Pick

PICK = Pick(Candidate("f", "c", 1.0, "frames/f.jpg", "uniform", "1", 0.5, "dog", np.zeros(0, np.float16)), "drifted")
DOUBTED = WantedFrame("d", "c", "frames/d.jpg", "suspect", "cat")


def event(*picks: Pick, at: float = 100.0, key: str = "k", doubted: tuple[WantedFrame, ...] = ()) -> LabelsWanted:
    return wanted(doubted, picks, "m", key, at, "e")


def test_a_list_names_each_frame_and_why_the_doubted_first() -> None:
    said = event(PICK, doubted=(DOUBTED,))
    assert (said.model, said.request_key, said.occurred_at, said.event_id) == ("m", "k", 100.0, "e")
    assert said.frames == (DOUBTED, WantedFrame("f", "c", "frames/f.jpg", "drifted", "dog"))
    assert msgspec.json.decode(msgspec.json.encode(said), type=LabelsWanted) == said


def test_lists_say_the_same_whenever_they_are_said() -> None:
    assert gist(event(PICK)) == gist(event(PICK, at=200.0))
    assert (
        len({gist(event(PICK)), gist(event(PICK, PICK)), gist(event(PICK, key="other")), gist(event(PICK, doubted=(DOUBTED,)))})
        == 4
    )
    assert gist(event()) == gist(event(key="other")) == ""
