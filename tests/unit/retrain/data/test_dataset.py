"""Datasets in the frame store, and frames that repeat each other."""

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from sklearn.datasets import load_digits

from contracts.errors import StoreError
from contracts.files import sha256
from contracts.frames import measure
from contracts.manifest import InputSpec
from retrain.data.dataset import Dataset, Datasets, Item, conflicting, near_duplicates
from retrain.models.session import Views

SPEC = InputSpec("image", 8, 8)


def item(name: str, dealt: str = "train", label: str = "a") -> Item:
    return Item(sha256=name, label=label, group="g", set=dealt, camera="c", captured_at=1.0, added="1")  # type: ignore[arg-type]  # of the closed set


def views(rows: int, width: int = 4) -> Views:
    random = np.random.default_rng(rows)
    return Views(
        random.normal(size=(rows, 10)).astype(np.float32),
        random.integers(0, 2**63, rows).astype(np.uint64),
        random.normal(size=(rows, width)).astype(np.float32),
        random.normal(size=(rows, 2)).astype(np.float32),
    )


def test_a_dataset_comes_back_by_its_digest(tmp_path: Path) -> None:
    datasets = Datasets(str(tmp_path), "m")
    dataset = Dataset(model="m", labels=("a", "b"), items=(item("1"), item("2", "gate", "b")))
    digest = datasets.put(dataset)
    assert datasets.put(dataset) == digest
    assert datasets.get(digest) == dataset
    assert dataset.truth().tolist() == [0, 1]
    assert dataset.where("train", "validation").tolist() == [True, False]


def test_missing_altered_and_foreign_datasets_say_so(tmp_path: Path) -> None:
    datasets = Datasets(str(tmp_path), "m")
    digest = datasets.put(Dataset(model="m", labels=("a",), items=()))
    with pytest.raises(StoreError, match="is missing: restore the frame store"):
        datasets.get("0" * 64)
    path = tmp_path / "datasets" / "m" / f"{digest}.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(StoreError, match="was altered"):
        datasets.get(digest)
    foreign = msgspec.json.encode({"items": 3})
    (tmp_path / "datasets" / "m" / f"{sha256(foreign)}.json").write_bytes(foreign)
    with pytest.raises(StoreError, match="not a dataset we can read"):
        datasets.get(sha256(foreign))


def test_frames_are_kept_once_and_checked_when_read(tmp_path: Path) -> None:
    datasets = Datasets(str(tmp_path), "m")
    name = datasets.put_frame(b"picture")
    assert datasets.put_frame(b"picture") == name
    assert datasets.frame(name) == b"picture"
    (tmp_path / "datasets" / "m" / "files" / name).write_bytes(b"another")
    with pytest.raises(StoreError, match="was altered"):
        datasets.frame(name)
    with pytest.raises(StoreError, match="is missing"):
        datasets.frame("0" * 64)


def test_views_that_are_missing_damaged_or_of_another_shape_are_computed_again(tmp_path: Path) -> None:
    datasets = Datasets(str(tmp_path), "m")
    assert datasets.views("d", SPEC, 5, 4) is None
    datasets.put_views("d", SPEC, views(5))
    found = datasets.views("d", SPEC, 5, 4)
    assert found is not None
    assert (found.embedding == views(5).embedding).all()
    assert datasets.views("d", SPEC, 6, 4) is None
    assert datasets.views("d", msgspec.structs.replace(SPEC, decode="reduced"), 5, 4) is None
    assert datasets.views("d", SPEC, 5, 3) is None
    (kept,) = (tmp_path / "datasets" / "m" / "views").iterdir()
    kept.write_bytes(b"PK torn")
    assert datasets.views("d", SPEC, 5, 4) is None


def test_a_frame_sent_again_at_another_quality_is_a_near_duplicate_and_others_are_not() -> None:
    pictures = [cv2.resize(np.round(image * 15.9).astype(np.uint8), (64, 64)) for image in load_digits().images[:60]]
    again = [cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_GRAYSCALE) for p in pictures[:5]]
    everything = pictures + again
    hashes = [int(measure(cv2.cvtColor(p, cv2.COLOR_GRAY2RGB))[0].phash, 16) for p in everything]
    embedding = np.stack([p.ravel() for p in everything]).astype(np.float32)
    rows = len(everything)
    seen = Views(np.zeros((rows, 10), np.float32), np.array(hashes, np.uint64), embedding, np.zeros((rows, 2), np.float32))
    assert near_duplicates(seen) == [(i, 60 + i) for i in range(5)]
    first, second = seen.rows(np.arange(60)), seen.rows(np.arange(60, 65))
    assert near_duplicates(second, first) == [(i, i) for i in range(5)]
    assert near_duplicates(seen.rows(np.arange(0))) == []


def test_hash_and_embedding_must_both_say_so() -> None:
    embedding = np.array([[0, 0], [0, 0.01], [9, 9], [5, 0], [0, 5]], np.float32)
    far = 0xFFFF_FFFF
    seen = Views(np.zeros((5, 10), np.float32), np.array([0, far, 0, far, 0], np.uint64), embedding, np.zeros((5, 2), np.float32))
    assert near_duplicates(seen) == []
    same = Views(seen.statistics, np.zeros(5, np.uint64), embedding, seen.scores)
    assert near_duplicates(same) == [(0, 1)]


def test_conflicting_labels_are_named() -> None:
    assert conflicting(["x", "y", "x", "y"], ["a", "a", "b", "a"]) == {"x"}
