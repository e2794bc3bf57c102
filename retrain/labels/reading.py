"""A label file, or YOLO's folder of them, from the disk: which format it is, and what it says."""

from pathlib import Path
from typing import Final, Literal

from contracts.errors import SettingsError
from retrain.labels.formats import coco, csv, label_studio, yolo
from retrain.labels.formats.labelled import MAX_BYTES, Contents, LabelFileError, Labelled

Format = Literal["csv", "coco", "yolo", "label-studio"]
_PARSERS: Final = {"csv": csv.parse, "coco": coco.parse, "label-studio": label_studio.parse}


def read(path: Path, form: Format | Literal["auto"], classes: Path | None = None) -> tuple[Format, Contents]:
    """The format and the labels of a file. `classes` names YOLO's classes where they do not stand beside the labels.

    Raises LabelFileError naming file, place and rule; SettingsError when a file cannot be read.
    """
    try:
        if form == "yolo" or (form == "auto" and (path.is_dir() or path.suffix == ".txt")):
            return "yolo", _yolo(path, classes)
        content = bytes_of(path)
        found = _guessed(content) if form == "auto" else form
        return found, _PARSERS[found](content)
    except LabelFileError as error:
        raise LabelFileError(f"{path.name} {error.where}".strip(), error.rule) from None


def _guessed(content: bytes) -> Format:
    """By the first sign: a list is Label Studio's, an object COCO's, anything else a table."""
    first = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return "label-studio" if first == b"[" else "coco" if first == b"{" else "csv"


def _yolo(path: Path, classes: Path | None) -> Contents:
    folder = path if path.is_dir() else path.parent
    places = [folder / name for name in yolo.CLASSES] + [folder.parent / name for name in yolo.CLASSES]
    named = classes or next((place for place in places if place.is_file()), None)
    if named is None:
        raise SettingsError(
            f"{path} needs the classes' names: {' or '.join(yolo.CLASSES)} in {folder} or above it, or --classes FILE"
        )
    try:
        names = yolo.classes_of(bytes_of(named), named.name)
    except LabelFileError as error:
        raise LabelFileError(f"{named.name} {error.where}".strip(), error.rule) from None
    return Contents([_text(file, names) for file in _texts(path)], [])


def _text(file: Path, names: tuple[str, ...]) -> Labelled:
    try:
        return yolo.parse(bytes_of(file), file.stem, names)
    except LabelFileError as error:
        raise LabelFileError(f"{file.name} {error.where}".strip(), error.rule) from None


def _texts(path: Path) -> list[Path]:
    """The files with boxes: below `labels/` where there is such a folder, else in the folder itself."""
    if path.is_file():
        return [path]
    below = path / yolo.LABELS
    found = sorted(below.rglob("*.txt") if below.is_dir() else path.glob("*.txt"))
    return [file for file in found if file.name not in yolo.CLASSES]


def bytes_of(path: Path) -> bytes:
    """A label file's bytes. Raises SettingsError when it cannot be read, LabelFileError when it is too large."""
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise LabelFileError("", f"the file has {size} bytes; at most {MAX_BYTES} are taken: split it")
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
