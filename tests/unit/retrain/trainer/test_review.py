"""The labels that a person should look at again."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from contracts.predictions import ClassTruth
from retrain.data.dataset import Dataset, Item
from retrain.models.session import Views
from retrain.request import Suspect
from retrain.trainer.review import MOST, doubted


def made(labels: str, probabilities: list[list[float]], phash: list[int], named: bool = True, new: int = 0) -> tuple[Any, Any]:
    """A material of one frame a letter and the heads' probabilities of it; frames with one hash lie on each other, others far apart."""
    items = tuple(
        Item(
            sha256=str(n), truth=ClassTruth(label), recording="r", set="train", camera="c", captured_at=0.0, added="1", frame_id=f"f{n:03d}" if named else ""
        )
        for n, label in enumerate(labels)
    )  # fmt: skip
    rows, dataset = len(labels), Dataset(model="m", labels=("a", "b", "c"), items=items)
    embedding = np.array([[float(h), 0.0] for h in phash], np.float32)
    seen = Views(
        np.zeros((rows, 10), np.float32), np.array([h * 0x0101_0101_0101 for h in phash], np.uint64), embedding, np.zeros((rows, 3))
    )  # type: ignore[arg-type]  # scores are not looked at
    material = SimpleNamespace(dataset=dataset, truth=dataset.truth(), seen=seen, new=np.arange(rows) < new)
    return material, SimpleNamespace(probabilities=np.array(probabilities))


SURE = {"a": [0.9, 0.05, 0.05], "b": [0.05, 0.9, 0.05], "c": [0.05, 0.05, 0.9]}


def test_what_the_heads_doubt_and_what_a_near_repetition_contradicts_is_listed_the_least_probable_first() -> None:
    labels = "aabbccab"
    p = [SURE[label] for label in labels]
    p[6] = [0.02, 0.03, 0.95]
    p[7] = [0.3, 0.6, 0.1]
    phash = [1, 17, 33, 49, 65, 81, 97, 17]  # the last nearly repeats the second, which is an `a`
    found = doubted(*made(labels, p, phash))
    assert found == (Suspect("f006", "a", "c", 0.02), Suspect("f007", "b", "a", 0.6), Suspect("f001", "a", "b", 0.9))


def test_what_a_person_called_right_is_listed_no_more() -> None:
    labels = "aabbccab"
    p = [SURE[label] for label in labels]
    p[6] = [0.02, 0.03, 0.95]
    phash = [16 * n for n in range(8)]
    assert [one.frame_id for one in doubted(*made(labels, p, phash))] == ["f006"]
    assert doubted(*made(labels, p, phash), confirmed=("f006",)) == ()


def test_frames_without_an_id_are_not_listed_and_no_more_than_a_person_looks_at() -> None:
    labels = "ab" * 200
    p = [SURE["b" if label == "a" else "a"] if n >= 120 else SURE[label] for n, label in enumerate(labels)]
    phash = [16 * n for n in range(400)]
    assert doubted(*made(labels, p, phash, named=False)) == ()
    found = doubted(*made(labels, p, phash))
    assert len(found) == MOST
    assert {one.probability for one in found} == {0.05}


def test_what_is_new_is_doubted_by_how_sure_the_heads_are_of_what_is_new() -> None:
    unsure = {"a": [0.5, 0.3, 0.2], "b": [0.3, 0.5, 0.2], "c": [0.2, 0.3, 0.5]}
    labels = "abc" * 20
    p = [unsure[label] if n < 30 else SURE[label] for n, label in enumerate(labels)]
    p[0] = unsure["b"]
    phash = [16 * n for n in range(60)]
    assert doubted(*made(labels, p, phash)) == ()
    assert doubted(*made(labels, p, phash, new=30)) == (Suspect("f000", "a", "b", 0.3),)
