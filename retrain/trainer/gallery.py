"""A folder of reference pictures: as they lie, or sorted into a folder for each label, which gives their truth."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.errors import VersionError
from contracts.files import sha256
from retrain.data.frames import Excluded, Frame, usable
from retrain.data.recordings import BLOCK

PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Gallery:
    """Usable pictures, neighbours together; `truth` holds indices into the labels, None without labels."""

    frames: tuple[Frame, ...]
    truth: NDArray[np.int64] | None
    excluded: Excluded


def read(folder: Path, labels: tuple[str, ...]) -> Gallery:
    """The pictures of `folder` in the order of their names. Raises VersionError when it has none, or folders that are no labels."""
    if not folder.is_dir():
        raise VersionError(f"--reference {folder} is no folder")
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    unknown = [name for name in folders if name not in labels]
    if unknown:
        raise VersionError(f"{folder} has the folder {unknown[0]!r}, which is none of the labels {', '.join(labels)}")
    excluded = Excluded()
    if not folders:
        found = _pictures(folder, "")
        kept = usable([_with_label(frame, labels[0]) for frame in found], labels, excluded)
        frames, truth = [_with_label(frame, "") for frame in kept], None
    else:
        found = [frame for name in folders for frame in _pictures(folder / name, name)]
        kept = usable(found, labels, excluded)
        frames = _interleaved([[frame for frame in kept if frame.label == name] for name in folders])
        truth = np.array([labels.index(frame.label) for frame in frames], dtype=np.int64)
    if not frames:
        raise VersionError(f"{folder} has no pictures that can be used ({', '.join(PICTURES)}); {excluded}")
    return Gallery(tuple(frames), truth, excluded)


def _pictures(folder: Path, label: str) -> list[Frame]:
    paths = sorted((path for path in folder.iterdir() if path.suffix.lower() in PICTURES), key=lambda path: natural(path.name))
    frames = []
    for number, path in enumerate(paths):
        frames.append(
            Frame(path.name, path.read_bytes, sha256(path.read_bytes()), label, f"{label}#{number // BLOCK}", "reference")
        )
    return frames


def natural(name: str) -> list[tuple[int, str]]:
    """2.jpg before 10.jpg."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _interleaved(parts: list[list[Frame]]) -> list[Frame]:
    """The labels' frames spread evenly over one another, as a line would show them: folder after folder would look like drift to a monitor."""
    placed = [((index + 0.5) / len(part), frame) for part in parts for index, frame in enumerate(part)]
    return [frame for _, frame in sorted(placed, key=lambda pair: pair[0])]


def _with_label(frame: Frame, label: str) -> Frame:
    return replace(frame, label=label)
