"""Whether there is enough to learn from and to judge on."""

import msgspec
import numpy as np
import pytest

from contracts.predictions import ClassTruth
from retrain.data.counts import counts_of, lacking, least_per_class
from retrain.data.dataset import Dataset, Item
from retrain.request import CandidateRequest, Set

REQUEST = CandidateRequest(
    job_id="j", request_key="k", model="m", parent="1", repository="r", frame_store="f", since=0.0, labels=(), seed=0,
    min_train_per_class=20, min_gate=10,
)  # fmt: skip


def items(label: str, chosen: Set, count: int, recording: str = "") -> list[Item]:
    return [
        Item(
            sha256=f"{label}{chosen}{n}",
            truth=ClassTruth(label),
            recording=recording or f"{label}{n}",
            set=chosen,
            camera="c",
            captured_at=0.0,
            added="1",
        )
        for n in range(count)
    ]


OLD = [*items("a", "train", 30), *items("b", "train", 4), *items("b", "gate", 5)]
NEW = [*items("a", "train", 25), *items("b", "validation", 20), *items("a", "gate", 12), *items("b", "gate", 8)]


def dataset(*made: Item) -> Dataset:
    return Dataset(model="m", labels=("a", "b"), items=tuple(made))


def test_frames_are_counted_by_domain_set_and_class() -> None:
    counts = counts_of(dataset(*OLD, *NEW), np.arange(len(OLD) + len(NEW)) >= len(OLD))
    assert counts.learning() == {"a": 55, "b": 24}
    assert counts.sealed() == {"a": 12, "b": 8}
    assert counts.by_set() == {
        "new_train": 25, "new_validation": 20, "new_gate": 20, "old_train": 34, "old_validation": 0, "old_gate": 5,
    }  # fmt: skip
    assert str(counts) == "45 new frames to learn from and 20 to judge on, 34 old ones replayed"
    assert lacking(counts, REQUEST) == ""


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (
            NEW[25:],
            r"too few frames to train on: a 0; 20 of each class are needed (min_train_per_class), new and replayed together",
        ),
        (NEW[:53], "8 new frames to judge on, 10 are needed (min_gate): some 34 new labels in all"),
        (
            [*items("a", "train", 40, "r"), *items("b", "train", 40, "r"), *items("a", "gate", 20)],
            "all frames to learn from are of one recording, and nothing can be judged apart from it: labels of other times are needed",
        ),
        (
            [*items("a", "train", 20), *items("b", "train", 20), *items("a", "gate", 20)],
            "60 labelled frames of the new domain, a baseline needs 64",
        ),
    ],
)
def test_what_is_lacking_is_said_with_how_much_is_needed(made: list[Item], reason: str) -> None:
    assert lacking(counts_of(dataset(*made), np.ones(len(made), dtype=np.bool_)), REQUEST) == reason


def test_who_overrides_the_counts_still_needs_a_frame_of_each_class() -> None:
    allowed = msgspec.structs.replace(REQUEST, override="ada: the part is new and rare")
    assert (least_per_class(REQUEST), least_per_class(allowed)) == (20, 1)
    few = [*items("a", "train", 60), *items("b", "train", 3), *items("a", "gate", 12)]
    counts = counts_of(dataset(*few), np.ones(len(few), dtype=np.bool_))
    assert lacking(counts, REQUEST).startswith("too few frames to train on: b 3;")
    assert lacking(counts, allowed) == ""
    none = counts_of(dataset(*few[:60], *few[63:]), np.ones(len(few) - 3, dtype=np.bool_))
    assert lacking(none, allowed).startswith("too few frames to train on: b 0; 1 of each class are needed")
