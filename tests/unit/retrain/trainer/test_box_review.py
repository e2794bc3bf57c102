"""Whose boxes are doubted: those of frames that the candidate did not learn from, and that nobody has confirmed."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from contracts.predictions import Box, BoxesTruth
from retrain.data.dataset import Dataset, Item
from retrain.request import Suspect
from retrain.trainer.box_review import doubted_boxes, suspects

BOLT = Box("bolt", 10, 10, 50, 50, 0.9)
SETS = ("train", "validation", "gate")


def made(confirmed: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """Twelve frames of each domain, old ones first, in the sets by turns; the detector sees a bolt in each, and the last three of each domain are labelled
    empty."""
    items = tuple(
        Item(
            sha256=str(n), truth=BoxesTruth((BOLT,) if n % 12 < 9 else ()), recording="r", set=SETS[n % 3], camera="c", captured_at=0.0, added="1",
            frame_id=f"f{n}" if n >= 12 else "",
        )
        for n in range(24)
    )  # fmt: skip
    material = SimpleNamespace(dataset=Dataset(model="m", labels=("bolt",), items=items), new=np.arange(24) >= 12)
    said = tuple((Box("bolt", 10, 10, 50, 50, 0.95 if n % 12 == 10 else 0.9),) for n in range(24))
    return SimpleNamespace(material=material, request=SimpleNamespace(confirmed=confirmed)), SimpleNamespace(said=said)


def test_frames_that_were_learned_from_and_those_without_an_id_are_not_listed() -> None:
    words = "a bolt at 10, 10 to 50, 50, not labelled"
    assert suspects(*made()) == (Suspect("f22", "nothing", words, 0.05), Suspect("f23", "nothing", words, 0.1))


def test_what_a_person_confirmed_is_in_no_doubt() -> None:
    its, candidate = made(confirmed=("f22",))
    assert [one.frame_id for one in suspects(its, candidate)] == ["f23"]
    assert sum(doubt is not None for doubt in doubted_boxes(its, candidate, new=True).doubts) == 1
    assert sum(doubt is not None for doubt in doubted_boxes(its, candidate, new=False).doubts) == 2
