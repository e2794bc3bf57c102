"""Label Studio's JSON export (labelstud.io/guide/export): a list of tasks with their annotations. Choices are classes, rectangles are boxes.

A task that was skipped, or that nobody has annotated, is left out; one whose annotations differ, too. Predictions are no truths.
Not taken, and refused: rotated rectangles or pictures, polygons, brushes and other results, JSON-MIN.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from contracts.predictions import Box, BoxesTruth, ClassTruth, Truth
from retrain.labels.formats.labelled import Contents, LabelFileError, Labelled, LeftOut, box_of, boxes_of, json_of, name_of, shown

_FROM: Final = "label"
_TO: Final = "image"
_PERCENT: Final = 100.0


class _Value(msgspec.Struct):
    choices: list[str] = []
    rectanglelabels: list[str] = []
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    rotation: float = 0.0


class _Result(msgspec.Struct):
    type: str
    value: msgspec.Raw
    original_width: int = 0
    original_height: int = 0
    image_rotation: float = 0.0


class _Person(msgspec.Struct):
    email: str = ""


class _Annotation(msgspec.Struct):
    result: list[_Result]
    id: int | str = ""
    was_cancelled: bool = False
    completed_by: _Person | int | None = None


class _Task(msgspec.Struct):
    data: dict[str, Any]
    id: int | Annotated[str, msgspec.Meta(max_length=256)] = ""
    annotations: list[_Annotation] | None = None


def parse(content: bytes) -> Contents:
    """The labels of an export. Raises LabelFileError."""
    tasks = json_of(content, list[_Task], "a JSON export of Label Studio (a list of tasks with data and annotations; not JSON-MIN)")
    kinds = dict.fromkeys(result.type for task in tasks for one in task.annotations or () for result in one.result)
    if strange := [kind for kind in kinds if kind not in ("choices", "rectanglelabels")]:
        raise LabelFileError(
            "", f"results of the type {', '.join(map(shown, strange[:8]))} are not taken: choices or rectanglelabels alone"
        )
    if len(kinds) > 1:
        raise LabelFileError("", "has choices and rectanglelabels: export the one that this model answers")
    detects = "rectanglelabels" in kinds
    labelled: list[Labelled] = []
    left_out: list[LeftOut] = []
    for number, task in enumerate(tasks, 1):
        where = f"task {(task.id or number)!r}"
        picture = _picture(task.data, where)
        given = [one for one in task.annotations or () if not one.was_cancelled]
        said = [found for one in given if (found := _labelled(one, picture, detects, where)) is not None]
        if not said:
            left_out.append(LeftOut(picture, where, "nobody has annotated it", unlabelled=True))
        elif any(one.truth != said[0].truth for one in said[1:]):
            left_out.append(LeftOut(picture, where, "its annotations differ"))
        else:
            labelled.append(said[0])
    return Contents(labelled, left_out)


def write(labelled: Sequence[Labelled]) -> bytes:
    """Tasks as Label Studio imports and exports them; boxes in pixels need `size`."""
    return msgspec.json.encode([_task(number, one) for number, one in enumerate(labelled, 1)])


def _task(number: int, one: Labelled) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    if isinstance(one.truth, ClassTruth):
        results.append({"type": "choices", "value": {"choices": [one.truth.label]}, "from_name": _FROM, "to_name": _TO})
    else:
        width, height = one.size or (0, 0)
        if one.truth.boxes and not (width and height):
            raise ValueError(f"{one.picture}: the picture's size is needed")
        for box in one.truth.boxes:
            place = {"x": box.x1 / width * _PERCENT, "y": box.y1 / height * _PERCENT, "rotation": 0}
            sides = {"width": (box.x2 - box.x1) / width * _PERCENT, "height": (box.y2 - box.y1) / height * _PERCENT}
            value = {**place, **sides, "rectanglelabels": [box.label]}
            size = {"original_width": width, "original_height": height, "image_rotation": 0}
            results.append({"type": "rectanglelabels", "value": value, "from_name": _FROM, "to_name": _TO, **size})
    annotation = {"id": number, "was_cancelled": False, "result": results}
    if one.labelled_by:
        annotation["completed_by"] = {"email": one.labelled_by}
    return {"id": number, "data": {_TO: one.picture}, "annotations": [annotation]}


def _picture(data: dict[str, Any], where: str) -> str:
    """The picture's name in a task: an upload, a URL, or a local file (`/data/local-files/?d=folder/name.jpg`)."""
    texts = {key: text for key, text in data.items() if isinstance(text, str)}
    url = texts.get(_TO) or (next(iter(texts.values())) if len(texts) == 1 else "")
    if not url:
        raise LabelFileError(
            where,
            f"names no picture: data needs `image`, or one text alone; it has {', '.join(map(shown, list(data)[:8])) or 'nothing'}",
        )
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise LabelFileError(where, f"{shown(url)} is no picture's address: {error}") from None
    return parse_qs(parts.query).get("d", [""])[0] or unquote(parts.path) or url


def _labelled(one: _Annotation, picture: str, detects: bool, where: str) -> Labelled | None:
    truth: Truth | None = boxes_of([_box(result, where) for result in one.result], where) if detects else _class(one.result, where)
    if truth is None:
        return None
    sizes = {(result.original_width, result.original_height) for result in one.result if detects and result.original_width > 0}
    if len(sizes) > 1:
        raise LabelFileError(where, "its results are of pictures of several sizes")
    by = one.completed_by
    person = by.email if isinstance(by, _Person) else f"label studio user {by}" if by is not None else ""
    return Labelled(
        picture=picture,
        truth=truth,
        shares=isinstance(truth, BoxesTruth),
        size=next(iter(sizes), None),
        labelled_by=name_of(person, "person", where) if person else "",
        where=where,
    )


def _class(results: Sequence[_Result], where: str) -> ClassTruth | None:
    said = {choice: None for result in results for choice in _value(result, where).choices}
    if len(said) > 1:
        raise LabelFileError(where, f"is said to be {' and '.join(map(shown, said))}: one class a picture")
    return ClassTruth(name_of(next(iter(said)), "class", where)) if said else None


def _box(result: _Result, where: str) -> Box:
    value = _value(result, where)
    if value.rotation or result.image_rotation:
        raise LabelFileError(
            where, "has a rotated rectangle or picture: draw rectangles along the sides of the picture as it is stored"
        )
    if len(value.rectanglelabels) != 1:
        raise LabelFileError(where, f"has a rectangle with {len(value.rectanglelabels)} labels: one is needed")
    x, y, width, height = (number / _PERCENT for number in (value.x, value.y, value.width, value.height))
    return box_of(value.rectanglelabels[0], x, y, x + width, y + height, where)


def _value(result: _Result, where: str) -> _Value:
    try:
        return msgspec.json.decode(result.value, type=_Value)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise LabelFileError(where, f"has a result that is none: {error}") from None
