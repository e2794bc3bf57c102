"""A list of frames to label as an event, and when it is news."""

import msgspec
import numpy as np

from contracts.events import LabelsWanted, WantedFrame
from retrain.labels.queue import EVERY_S, is_news, wanted
from retrain.labels.selection import Candidate, Pick

PICK = Pick(Candidate("f", "c", 1.0, "frames/f.jpg", "uniform", "1", 0.5, "dog", np.zeros(0, np.float16)), "drifted")


def event(*picks: Pick, at: float = 100.0, key: str = "k") -> LabelsWanted:
    return wanted(picks, "m", key, at, "e")


def test_a_list_names_each_frame_and_why() -> None:
    said = event(PICK)
    assert (said.model, said.request_key, said.occurred_at, said.event_id) == ("m", "k", 100.0, "e")
    assert said.frames == (WantedFrame("f", "c", "frames/f.jpg", "drifted", "dog"),)
    assert msgspec.json.decode(msgspec.json.encode(said), type=LabelsWanted) == said


def test_a_list_is_news_when_it_differs_and_a_minute_has_gone_by() -> None:
    assert is_news(None, event(PICK))
    assert not is_news(None, event())
    assert not is_news(event(PICK), event(PICK, at=100.0 + EVERY_S))
    assert is_news(event(PICK), event(at=100.0 + EVERY_S))
    assert not is_news(event(PICK), event(at=99.0 + EVERY_S))
    assert is_news(event(PICK), event(PICK, at=100.0 + EVERY_S, key="other"))
