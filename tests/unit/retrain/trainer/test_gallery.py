"""Folders of reference pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.errors import VersionError
from retrain.trainer.gallery import read


def put(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8))


def test_pictures_as_they_lie_have_no_truth_and_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        put(tmp_path / f"{number}.png", number)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "3.png").write_bytes(b"torn")
    gallery = read(tmp_path, ("a", "b"))
    assert [frame.name for frame in gallery.frames] == ["1.png", "2.png", "10.png"]
    assert gallery.truth is None
    assert str(gallery.excluded) == "1 excluded: 1 not a picture that decodes (3.png)"


def test_a_folder_for_each_label_gives_the_truth_and_labels_alternate(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path / "a" / f"{number}.png", number)
    for number in range(3):
        put(tmp_path / "b" / f"{number}.png", 100 + number)
    put(tmp_path / "b" / "9.png", 0)  # the same picture as a/0.png
    gallery = read(tmp_path, ("b", "a"))
    assert gallery.truth is not None
    assert sorted(gallery.truth.tolist()) == [0, 0, 0, 1, 1, 1, 1, 1]
    assert 0 in gallery.truth[:3].tolist()
    assert "labelled in two ways" in str(gallery.excluded)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("nothing/here.txt", "is no folder"),
        ("pictures/zebra/1.png", "'zebra', which is none of the labels"),
        ("pictures/x.txt", "no pictures"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, made: str, reason: str) -> None:
    path = tmp_path / made
    path.parent.mkdir(parents=True)
    path.write_text("x")
    with pytest.raises(VersionError, match=reason):
        read(tmp_path / "pictures", ("a", "b"))
