"""YOLO text (darknet, Ultralytics): a file a picture, named as it, with a line a box: `class x y width height`, centre and sides in shares of the picture.

An empty file is a picture that shows nothing, which is a truth. The classes' names stand in data.yaml, obj.names or classes.txt.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from contracts.errors import SettingsError
from contracts.predictions import Box, ClassTruth
from retrain.labels.formats.labelled import LabelFileError, Labelled, box_of, boxes_of, name_of, shown, text_of

CLASSES: Final = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")
"""Where the classes' names stand, the first that is there."""
LABELS: Final = "labels"
IMAGES: Final = "images"
_MAX_CLASSES: Final = 10_000
_MAX_YAML: Final = 1 << 20


def parse(content: bytes, picture: str, classes: Sequence[str]) -> Labelled:
    """The truth of one picture, its boxes in shares. Raises LabelFileError."""
    boxes = [
        _box(line.split(), classes, f"line {number}")
        for number, line in enumerate(text_of(content).splitlines(), 1)
        if line.strip()
    ]
    return Labelled(picture=picture, truth=boxes_of(boxes, picture), shares=True, where=picture)


def classes_of(content: bytes, name: str) -> tuple[str, ...]:
    """The classes in the order of their numbers, from a file of the name `name`: YAML with `names`, or a line a class. Raises LabelFileError."""
    text = text_of(content)
    said = _yaml_names(text) if name.endswith((".yaml", ".yml")) else [line for line in text.splitlines() if line.strip()]
    if not 0 < len(said) <= _MAX_CLASSES:
        raise LabelFileError("names", f"{len(said)} classes; 1 to {_MAX_CLASSES} are taken")
    classes = tuple(name_of(one, "class", f"class {number}") for number, one in enumerate(said))
    if len(set(classes)) < len(classes):
        twice = next(one for at, one in enumerate(classes) if one in classes[:at])
        raise LabelFileError("names", f"{shown(twice)} stands there twice")
    return classes


def write(labelled: Sequence[Labelled], classes: Sequence[str]) -> dict[str, bytes]:
    """The files of a data set: data.yaml, classes.txt, and a text for each picture, whose `size` is known and whose boxes are in pixels.

    Raises SettingsError for a classifier's labels, which this format does not hold.
    """
    if any(isinstance(one.truth, ClassTruth) for one in labelled):
        raise SettingsError("YOLO text holds boxes, and these labels are classes of whole pictures: use csv, coco or label-studio")
    names = "".join(f"  {number}: {_quoted(name)}\n" for number, name in enumerate(classes))
    files = {"data.yaml": f"path: .\ntrain: {IMAGES}\nval: {IMAGES}\nnames:\n{names}".encode()}
    files["classes.txt"] = "".join(f"{name}\n" for name in classes).encode()
    numbers = {name: number for number, name in enumerate(classes)}
    for one in labelled:
        files[f"{LABELS}/{PurePosixPath(one.picture).stem}.txt"] = _text(one, numbers)
    return files


def _text(one: Labelled, numbers: Mapping[str, int]) -> bytes:
    if one.size is None or isinstance(one.truth, ClassTruth):
        raise ValueError(f"{one.picture}: boxes and the picture's size are needed")
    width, height = one.size
    lines = []
    for box in one.truth.boxes:
        centre = (box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height
        sides = (box.x2 - box.x1) / width, (box.y2 - box.y1) / height
        lines.append(f"{numbers[box.label]} {' '.join(f'{share:.9f}' for share in (*centre, *sides))}\n")
    return "".join(lines).encode()


def _box(fields: list[str], classes: Sequence[str], where: str) -> Box:
    if len(fields) != 5:
        kind = {6: "a sixth number is a score, and predictions are no truths", 0: ""}.get(
            len(fields), "outlines and key points are not taken"
        )
        raise LabelFileError(where, f"has {len(fields)} numbers; a box is `class x y width height` ({kind})")
    if not (fields[0].isascii() and fields[0].isdecimal()) or len(fields[0]) > 9 or int(fields[0]) >= len(classes):
        raise LabelFileError(where, f"{shown(fields[0])} is the number of no class: there are {len(classes)}, from 0")
    label = classes[int(fields[0])]
    x, y, width, height = (_share(text, where) for text in fields[1:])
    return box_of(label, x - width / 2, y - height / 2, x + width / 2, y + height / 2, where)


def _share(text: str, where: str) -> float:
    try:
        share = float(text) if "_" not in text else math.nan
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise LabelFileError(where, f"{shown(text)} is no share of the picture's side: 0 to 1")
    return share


def _yaml_names(text: str) -> list[str]:
    """`names` of a data.yaml: a list, or a table from numbers."""
    import yaml  # takes its time, and only this file needs it

    if len(text) > _MAX_YAML:
        raise LabelFileError("", f"the file has {len(text)} characters; a data.yaml has at most {_MAX_YAML}")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise LabelFileError("", f"this is no YAML: {str(error)[:200]}") from None
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise LabelFileError("names", "is a table whose keys are not the numbers from 0")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(one, str | int) and not isinstance(one, bool) for one in names):
        raise LabelFileError(
            "names", "is needed: a list of the classes' names, or a table from their numbers (quote yes, no, on and off)"
        )
    return [str(one) for one in names]


def _quoted(name: str) -> str:
    """A name as YAML's single-quoted scalar: `no` and `1` stay names."""
    return "'" + name.replace("'", "''") + "'"
