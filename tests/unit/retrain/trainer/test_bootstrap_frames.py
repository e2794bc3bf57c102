"""Labelled frames of a first version: from a list or from folders, and what is wrong with one."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from contracts.errors import VersionError
from retrain.trainer.bootstrap_frames import read

LABELS = ("dark", "light")
HEADER = "path,label,group,camera"


def picture(path: Path, number: int) -> None:
    image = np.random.default_rng(number).integers(0, 120, (12, 12, 3), dtype=np.uint8) + np.uint8(120 * (number % 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def listed(folder: Path, count: int = 64, groups: int = 8, more: str = "") -> Path:
    rows = [HEADER]
    for number in range(count):
        picture(folder / f"{number}.png", number)
        rows.append(f"{number}.png,{LABELS[number % 2]},g{number % groups},cam")
    (folder / "index.csv").write_text("\n".join([*rows, *([more] if more else [])]) + "\n")
    return folder / "index.csv"


def test_a_list_is_read_in_its_order(tmp_path: Path) -> None:
    frames, excluded = read(listed(tmp_path, more="0.png,dark,g0,cam"), LABELS)
    assert [frame.name for frame in frames] == [f"{number}.png" for number in range(64)]
    assert (frames[3].label, frames[3].recording, frames[3].camera) == ("light", "g3", "cam")
    assert str(excluded) == "1 excluded: 1 the same picture again (0.png)"


def test_folders_of_labels_are_read_in_stretches_of_neighbours(tmp_path: Path) -> None:
    for number in range(80):
        picture(tmp_path / LABELS[number % 2] / f"{number}.png", number)
    frames, _ = read(tmp_path, LABELS)
    assert len(frames) == 80
    assert {frame.recording for frame in frames if frame.label == "dark"} == {f"dark#{number}" for number in range(4)}


def test_pictures_without_folders_have_no_truth(tmp_path: Path) -> None:
    listed(tmp_path)
    with pytest.raises(VersionError, match="a folder of pictures for each of dark, light is needed"):
        read(tmp_path, LABELS)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("0.png,dark", "row 65 has no group"),
        ("0.png,dark,g1,", "row 65 has no camera"),
        (",dark,g1,cam", "row 65 has no path"),
        ("gone.png,dark,g1,cam", r"row 65: .*gone\.png cannot be read: No such file"),
    ],
)
def test_a_row_that_lacks_something_is_named(tmp_path: Path, more: str, words: str) -> None:
    with pytest.raises(VersionError, match=words):
        read(listed(tmp_path, more=more), LABELS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column 'path'"),
        (b"path,label,group\na,b,c\n", "no column 'camera'"),
        (HEADER.encode(), "no rows"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(VersionError, match=words):
        read(tmp_path / "index.csv", LABELS)


@pytest.mark.parametrize(("count", "groups", "labels"), [(62, 8, LABELS), (64, 4, LABELS), (64, 8, (*LABELS, "other"))])
def test_too_little_is_counted_before_anything_is_trained(tmp_path: Path, count: int, groups: int, labels: tuple[str, ...]) -> None:
    with pytest.raises(VersionError, match=f"too little to train on: dark {count // 2}, light {count // 2}.* in {groups} groups"):
        read(listed(tmp_path, count, groups), labels)
