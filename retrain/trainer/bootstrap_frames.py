"""The labelled frames that a first version is trained on: a list of them, or a folder for each label."""

import csv
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Final

from contracts.baseline import MIN_FRAMES
from contracts.errors import VersionError
from contracts.files import sha256
from retrain.data.frames import Excluded, Frame, usable
from retrain.trainer import gallery

COLUMNS: Final = ("path", "label", "group", "camera")
MIN_OF_A_CLASS: Final = 10
MIN_GROUPS: Final = 5
"""A group a fold of the head's cross-validation."""


def read(frames: Path, labels: tuple[str, ...]) -> tuple[list[Frame], Excluded]:
    """The usable frames in recording order, and what was left out. Raises VersionError with the reason where they cannot be trained on."""
    excluded = Excluded()
    if frames.is_dir():
        found = gallery.read(frames, labels)
        if found.truth is None:
            raise VersionError(f"{frames} has no folders: a folder of pictures for each of {', '.join(labels)} is needed")
        kept, excluded = list(found.frames), found.excluded
    else:
        kept = usable(_listed(frames), labels, excluded)
    _check(kept, labels, excluded)
    return kept, excluded


def _listed(index: Path) -> list[Frame]:
    """The frames of a CSV file; paths are relative to it."""
    try:
        with index.open(newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise VersionError(f"{index} cannot be read: {error}") from error
    missing = [name for name in COLUMNS if name not in columns]
    if missing or not rows:
        wrong = f"no column {missing[0]!r}" if missing else "no rows"
        raise VersionError(f"{index} has {wrong}: the columns are {', '.join(COLUMNS)}")
    found = []
    for number, row in enumerate(rows, start=1):
        empty = [name for name in COLUMNS if not row[name]]
        if empty:
            raise VersionError(f"{index}, row {number} has no {empty[0]}")
        read = partial(_read, index.parent / row["path"], f"{index}, row {number}")
        found.append(Frame(row["path"], read, sha256(read()), row["label"], row["group"], row["camera"]))
    return found


def _read(path: Path, named_in: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise VersionError(f"{named_in}: {path} cannot be read: {error.strerror}") from error


def _check(frames: list[Frame], labels: tuple[str, ...], excluded: Excluded) -> None:
    counts, groups = Counter(one.label for one in frames), len({one.recording for one in frames})
    if min(counts[label] for label in labels) < MIN_OF_A_CLASS or groups < MIN_GROUPS or len(frames) < MIN_FRAMES:
        told = ", ".join(f"{label} {counts[label]}" for label in labels)
        raise VersionError(
            f"too little to train on: {told}, in {groups} groups; at least {MIN_OF_A_CLASS} of each, {MIN_FRAMES} in all and {MIN_GROUPS} groups"
            f" are needed; {excluded}"
        )
