"""Datasets in the frame store."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from contracts.errors import StoreError
from contracts.files import Folder, sha256
from contracts.manifest import InputSpec
from contracts.predictions import Box, BoxesTruth, ClassTruth
from retrain.data.box_truth import EMPTY
from retrain.data.counts import counts_of, showing
from retrain.data.dataset import Dataset, Datasets, Item
from retrain.models.session import Views

SPEC = InputSpec("image", 8, 8)


def item(name: str, dealt: str = "train", label: str = "a") -> Item:
    return Item(sha256=name, truth=ClassTruth(label), recording="g", set=dealt, camera="c", captured_at=1.0, added="1")  # type: ignore[arg-type]  # of the closed set


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
    assert datasets.views("d", "s", SPEC, 5, 4) is None
    datasets.put_views("d", "s", SPEC, views(5))
    found = datasets.views("d", "s", SPEC, 5, 4)
    assert found is not None
    assert (found.embedding == views(5).embedding).all()
    assert datasets.views("d", "s", SPEC, 6, 4) is None
    for other in ({"decode": "reduced"}, {"fit": "letterbox"}, {"width": SPEC.width + 1}):
        assert datasets.views("d", "s", msgspec.structs.replace(SPEC, **other), 5, 4) is None
    assert datasets.views("d", "of other frames, as many", SPEC, 5, 4) is None, "the model was imported twice"
    assert datasets.views("d", "s", SPEC, 5, 3) is None
    (kept,) = (tmp_path / "datasets" / "m" / "views").iterdir()
    kept.write_bytes(b"PK torn")
    assert datasets.views("d", "s", SPEC, 5, 4) is None


def test_a_dataset_of_the_first_schema_is_read_as_today_s(tmp_path: Path) -> None:
    old = {
        "model": "m", "labels": ["a", "b"], "schema": 1,
        "items": [
            {"sha256": "1", "label": "b", "group": "g", "set": "gate", "camera": "c", "captured_at": 2.5, "added": "1", "frame_id": "f", "labelled_by": "x"},
            {"sha256": "2", "label": "a", "group": "h", "set": "train", "camera": "c", "captured_at": 3.0, "added": "1"},
        ],
    }  # fmt: skip
    content = msgspec.json.encode(old)
    Folder(str(tmp_path)).write(f"datasets/m/{sha256(content)}.json", content)
    found = Datasets(str(tmp_path), "m").get(sha256(content))
    first, second = found.items
    assert (first.truth, first.label, first.recording, first.set) == (ClassTruth("b"), "b", "g", "gate")
    assert (first.frame_id, first.labelled_by, first.label_version) == ("f", "x", 1)
    assert (second.frame_id, second.recording) == ("", "h")
    assert found.truth().tolist() == [1, 0]
    assert found.schema == 2
    again = Datasets(str(tmp_path), "m")
    assert again.get(again.put(found)) == found


def test_an_item_with_boxes_counts_as_what_it_shows_most_of() -> None:
    boxes = BoxesTruth((Box("b", 1.0, 2.0, 3.0, 4.0),))
    boxed, empty = (msgspec.structs.replace(item(name), truth=truth) for name, truth in (("1", boxes), ("2", BoxesTruth(()))))
    assert msgspec.json.decode(msgspec.json.encode(boxed), type=Item).truth == boxes
    dataset = Dataset(model="m", labels=("a", "b"), items=(boxed, empty))
    assert dataset.strata == ("a", "b", EMPTY)
    assert dataset.truth().tolist() == [1, 2]
    counts = counts_of(dataset, np.ones(2, np.bool_))
    assert sum(counts.new["train"].values()) == 2
    assert showing(dataset) == {"a": 0, "b": 1}  # what is empty shows no class, and is asked of none
